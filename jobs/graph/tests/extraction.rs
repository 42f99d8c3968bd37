//! The extractor as a whole: real sentences, offsets, equal results, hostile text.

use std::sync::LazyLock;

use graphmill_graph::{
    ChineseTagger, EntityType, Extraction, Extractor, GraphOptions, LocalExtractor, normal_form,
};
use proptest::prelude::*;

static LAC: LazyLock<LocalExtractor> = LazyLock::new(|| {
    LocalExtractor::new(GraphOptions::default()).expect("the models are compiled in")
});
static JIEBA: LazyLock<LocalExtractor> = LazyLock::new(|| {
    LocalExtractor::new(GraphOptions {
        chinese: ChineseTagger::Jieba,
        ..GraphOptions::default()
    })
    .expect("the models are compiled in")
});

fn extract(text: &str) -> Extraction {
    LAC.extract(&[text]).remove(0)
}

fn names(extraction: &Extraction) -> Vec<(&str, EntityType)> {
    extraction
        .mentions
        .iter()
        .map(|mention| (mention.surface.as_str(), mention.entity_type))
        .collect()
}

#[track_caller]
fn assert_names(text: &str, expected: &[(&str, EntityType)]) {
    let extraction = extract(text);
    let found = names(&extraction);
    for name in expected {
        assert!(found.contains(name), "{name:?} not in {found:?}");
    }
}

#[test]
fn english_names_and_terms_are_found_with_types() {
    use EntityType::{Concept, Organization, Other, Person, Time};
    assert_names(
        "In March 2024, Dr. Ada Lovelace joined the University of Oxford and wrote a source package for Debian.",
        &[
            ("March 2024", Time),
            ("Ada Lovelace", Person),
            ("University of Oxford", Organization),
            ("source package", Concept),
            ("Debian", Other),
        ],
    );
    assert_names(
        "The Aurora X2 is built by Northwind Robotics Inc. in cooperation with Kubernetes developers.",
        &[("Aurora X2", Other), ("Kubernetes", Other)],
    );
    assert_names(
        "The project was started by the Free Software Foundation.",
        &[("Free Software Foundation", Organization)],
    );
}

#[test]
fn empty_phrases_are_no_entities() {
    let extraction = extract("On the other hand, the same name was used many times last year.");
    assert_eq!(names(&extraction), []);
}

#[test]
fn chinese_names_and_terms_are_found_with_types() {
    use EntityType::{Location, Organization, Person, Time};
    assert_names(
        "2024年3月，阿里巴巴集团首席执行官吴泳铭在杭州宣布建设云计算和人工智能基础设施。",
        &[
            ("2024年3月", Time),
            ("阿里巴巴集团", Organization),
            ("吴泳铭", Person),
            ("杭州", Location),
        ],
    );
    assert_names(
        "自由软件基金会发布了GNU通用公共许可证。",
        &[("自由软件基金会", Organization)],
    );
    assert_names(
        "華為在深圳發佈了新的手機。",
        &[("華為", Organization), ("深圳", Location)],
    );
}

#[test]
fn a_line_break_does_not_cut_a_chinese_name() {
    let extraction = extract("这项工作由北京大\n学完成，负责人是李雷。");
    assert!(
        extraction
            .mentions
            .iter()
            .any(|mention| mention.key == "北京大学"),
        "{:?}",
        names(&extraction)
    );
}

#[test]
fn both_languages_meet_in_latin_names() {
    let english = extract("We deploy PostgreSQL and Aurora X2 on Kubernetes.");
    let chinese = extract("我们在 Kubernetes 上部署 PostgreSQL 和 Aurora X2。");
    for key in ["kubernetes", "postgresql", "aurora x2"] {
        for extraction in [&english, &chinese] {
            assert!(
                extraction.mentions.iter().any(|mention| mention.key == key),
                "{key}: {:?}",
                names(extraction)
            );
        }
    }
}

#[test]
fn a_translation_in_brackets_is_an_alias() {
    for text in [
        "Northwind Robotics (北风机器人) opened an office.",
        "北风机器人（Northwind Robotics）发布了新产品。",
    ] {
        let extraction = extract(text);
        let alias = extraction
            .cooccurrences
            .iter()
            .find(|pair| pair.label.as_deref() == Some("alias"));
        let alias = alias.unwrap_or_else(|| panic!("{:?}", names(&extraction)));
        assert_eq!(
            (alias.source.as_str(), alias.target.as_str()),
            (&*normal_form("Northwind Robotics"), "北风机器人")
        );
    }
}

#[test]
fn a_single_verb_between_two_entities_labels_the_pair() {
    let extraction = extract("Postfix supports Cyrus SASL.");
    assert_eq!(extraction.cooccurrences.len(), 1);
    assert_eq!(
        extraction.cooccurrences[0].label.as_deref(),
        Some("supports")
    );
}

#[test]
fn a_query_in_lower_case_gives_the_keys_of_names() {
    let keys = LAC.keys_in_query("what is the source packages of kubernetes for 北京大学?");
    for key in ["source package", "kubernetes", "北京大学"] {
        assert!(keys.iter().any(|k| k == key), "{key} not in {keys:?}");
    }
    assert!(LAC.keys_in_query("").is_empty());
}

#[test]
fn the_id_names_the_options_that_change_results() {
    assert_eq!(LAC.id(), "local-v1:lac");
    assert_eq!(JIEBA.id(), "local-v1:jieba");
    let other = LocalExtractor::new(GraphOptions {
        han_ratio: 0.5,
        ..GraphOptions::default()
    })
    .unwrap();
    assert_ne!(other.id(), LAC.id());
}

#[test]
fn hostile_text_ends_with_offsets_inside_it() {
    for text in [
        "字".repeat(100_000),
        "a".repeat(1_000_000),
        "短行。\n".repeat(30_000),
        "🦀👩‍👩‍👧".repeat(5_000),
        "((((（（（".repeat(10_000),
        "Ab ".repeat(50_000),
        String::new(),
        "\u{0}\u{feff}\u{202e}".to_owned(),
    ] {
        check(&text, &JIEBA.extract(&[&text])[0]);
        if text.len() < 200_000 {
            check(&text, &extract(&text));
        }
    }
}

fn check(text: &str, extraction: &Extraction) {
    let mut end = 0;
    for mention in &extraction.mentions {
        assert_eq!(&text[mention.start..mention.end], mention.surface);
        assert!(mention.start >= end, "mentions overlap");
        end = mention.end;
    }
    for pair in &extraction.cooccurrences {
        assert!(pair.source < pair.target);
        assert!(text.get(pair.start..pair.end).is_some());
    }
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "\\PC{0,12}",
        "[A-Z][a-z]{1,8} ",
        "[\u{4e00}-\u{4fff}]{1,12}",
        Just("自由软件基金会".to_owned()),
        Just(" Debian 12".to_owned()),
        Just("（Northwind Robotics）".to_owned()),
        Just("。\n".to_owned()),
        Just(". ".to_owned()),
        Just("\n".to_owned()),
        Just("n't O'Neill's, 1,000 https://a.b/c ".to_owned()),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn offsets_name_the_surface_in_any_text(text in text()) {
        check(&text, &extract(&text));
        check(&text, &JIEBA.extract(&[&text])[0]);
    }

    #[test]
    fn a_text_gives_the_same_alone_and_in_a_batch(texts in prop::collection::vec(text(), 1..24)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let together = LAC.extract(&texts);
        for (text, extraction) in texts.iter().zip(&together) {
            prop_assert_eq!(&LAC.extract(&[text])[0], extraction);
        }
    }
}
