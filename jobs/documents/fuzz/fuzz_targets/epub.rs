#![no_main]

use graphmill_documents_fuzz::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| parse(data, "epub"));
