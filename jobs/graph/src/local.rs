//! The extractor without a network: both languages, one sentence at a time.

use std::ops::Range;

use graphmill_documents::sentences::sentence_spans;
use rayon::prelude::*;

use crate::extract::Findings;
use crate::extract::chinese::Chinese;
use crate::extract::english::{self, Tagger};
use crate::normal_form::normal_form;
use crate::route::{Language, route};
use crate::{Extraction, Extractor, GraphOptions, LoadError, Mention, pairs};

/// Texts that one thread takes at once: enough sentences to fill the Chinese tagger's batches.
const TEXTS_PER_BATCH: usize = 16;
/// Longest key in characters: longer ones are no names.
const MAX_KEY_CHARS: usize = 96;

/// Finds entities by parts of speech, without a network. Both models live in memory: about 10 MB.
pub struct LocalExtractor {
    id: String,
    options: GraphOptions,
    english: Tagger,
    chinese: Chinese,
}

impl LocalExtractor {
    /// Unpacks the models.
    ///
    /// # Errors
    /// [`LoadError`] when a model that is compiled in is damaged.
    pub fn new(options: GraphOptions) -> Result<Self, LoadError> {
        Ok(Self {
            id: options.id(),
            options,
            english: Tagger::load()?,
            chinese: Chinese::load(options.chinese)?,
        })
    }

    fn extract_batch(&self, texts: &[&str]) -> Vec<Extraction> {
        let spans: Vec<Vec<Range<usize>>> = texts.iter().map(|text| sentence_spans(text)).collect();
        let mut findings: Vec<Vec<Findings>> = spans
            .iter()
            .map(|spans| Vec::with_capacity(spans.len()))
            .collect();
        let mut chinese = Vec::new();
        let mut places = Vec::new();
        for (number, (text, spans)) in texts.iter().zip(&spans).enumerate() {
            for (sentence, span) in spans.iter().enumerate() {
                findings[number].push(match route(&text[span.clone()], self.options.han_ratio) {
                    Language::English => english::sentence(&self.english, text, span.clone()),
                    Language::Chinese => {
                        chinese.push((*text, span.clone()));
                        places.push((number, sentence));
                        Findings::default()
                    }
                });
            }
        }
        for ((number, sentence), found) in places
            .into_iter()
            .zip(self.chinese.sentences(&self.english, &chinese))
        {
            findings[number][sentence] = found;
        }
        texts
            .iter()
            .zip(&spans)
            .zip(findings)
            .map(|((text, spans), findings)| self.assemble(text, spans, findings))
            .collect()
    }

    fn assemble(&self, text: &str, spans: &[Range<usize>], findings: Vec<Findings>) -> Extraction {
        let mut extraction = Extraction::default();
        for (number, (span, found)) in spans.iter().zip(findings).enumerate() {
            // The white space behind a sentence is no evidence.
            let span = span.start..span.start + text[span.clone()].trim_end().len();
            let first = extraction.mentions.len();
            for name in found.names {
                let surface = &text[name.bytes.clone()];
                let key = normal_form(surface);
                if key.is_empty() || key.chars().count() > MAX_KEY_CHARS {
                    continue;
                }
                extraction.mentions.push(Mention {
                    key,
                    surface: surface.to_owned(),
                    entity_type: name.entity_type,
                    start: name.bytes.start,
                    end: name.bytes.end,
                    sentence: number as u32,
                });
            }
            extraction.cooccurrences.extend(pairs::of_sentence(
                text,
                &span,
                number as u32,
                &extraction.mentions[first..],
                &found.verbs,
                self.options.max_entities_per_sentence,
            ));
        }
        extraction
    }
}

impl Extractor for LocalExtractor {
    fn id(&self) -> &str {
        &self.id
    }

    fn extract(&self, texts: &[&str]) -> Vec<Extraction> {
        let share = texts
            .len()
            .div_ceil(rayon::current_num_threads())
            .clamp(1, TEXTS_PER_BATCH);
        texts
            .par_chunks(share)
            .flat_map_iter(|batch| self.extract_batch(batch))
            .collect()
    }
}
