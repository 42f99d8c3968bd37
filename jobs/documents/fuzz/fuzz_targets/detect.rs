#![no_main]

use graphmill_documents::detect::detect;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for declared in [None, Some("eml"), Some("xml"), Some("csv")] {
        let _ = detect(data, declared);
    }
});
