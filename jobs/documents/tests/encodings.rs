//! Text in every encoding that people still have, told from its bytes alone.

use encoding_rs::Encoding;
use graphmill_documents::{Limits, detect::encoding::decode, parse_bytes};

/// A paragraph, and the encodings it is written in.
const SAMPLES: [(&str, &[&str]); 14] = [
    (
        "知识图谱由实体和关系组成。每个任务都应当有超时，任何组件崩溃都不会丢失数据。文档处理系统必须在恶意输入下保持稳定。",
        &["gb18030", "gbk"],
    ),
    (
        "知識圖譜由實體和關係組成。每個任務都應當有逾時，任何元件當機都不會遺失資料。文件處理系統必須在惡意輸入下保持穩定。",
        &["big5"],
    ),
    (
        "知識グラフは、エンティティとその間の関係からなります。すべてのジョブには制限時間が必要であり、データは決して失われません。",
        &["shift_jis", "euc-jp", "iso-2022-jp"],
    ),
    (
        "지식 그래프는 개체와 그 사이의 관계로 이루어집니다. 모든 작업에는 제한 시간이 있어야 하며 데이터는 절대 사라지지 않습니다.",
        &["euc-kr"],
    ),
    (
        "Граф знаний состоит из сущностей и связей между ними. У каждой задачи должно быть ограничение по времени, и данные не теряются.",
        &["windows-1251", "koi8-r", "iso-8859-5", "ibm866"],
    ),
    (
        "Le graphe de connaissances se compose d’entités et de relations. Chaque tâche doit avoir un délai, même à la fin de l'été.",
        &["windows-1252"],
    ),
    (
        "Der Wissensgraph besteht aus Entitäten und Beziehungen. Jede Aufgabe hat eine Frist, und größere Störungen führen zu keinem Verlust.",
        &["windows-1252"],
    ),
    (
        "Graf wiedzy składa się z obiektów i związków między nimi. Każde zadanie powinno mieć ograniczenie czasu, a źródła są zachowane.",
        &["windows-1250", "iso-8859-2"],
    ),
    (
        "Ο γράφος γνώσης αποτελείται από οντότητες και σχέσεις. Κάθε εργασία πρέπει να έχει χρονικό όριο και τα δεδομένα δεν χάνονται ποτέ.",
        &["windows-1253", "iso-8859-7"],
    ),
    (
        "Bilgi grafiği varlıklardan ve aralarındaki ilişkilerden oluşur. Her işin bir süre sınırı olmalıdır ve hiçbir şey kaybolmaz.",
        &["windows-1254"],
    ),
    (
        "גרף הידע מורכב מישויות ומקשרים ביניהן. לכל משימה צריכה להיות מגבלת זמן, והנתונים לעולם אינם הולכים לאיבוד.",
        &["windows-1255"],
    ),
    (
        "يتكون الرسم البياني للمعرفة من كيانات وعلاقات بينها. يجب أن يكون لكل مهمة حد زمني، ولا تضيع البيانات أبدا.",
        &["windows-1256", "iso-8859-6"],
    ),
    (
        "Žinių grafas susideda iš esybių ir jų ryšių. Kiekviena užduotis turi turėti laiko ribą, o duomenys niekada nedingsta.",
        &["windows-1257"],
    ),
    (
        "Đồ thị tri thức gồm các thực thể và quan hệ giữa chúng. Mỗi công việc phải có giới hạn thời gian.",
        &["utf-8"],
    ),
];

#[test]
fn legacy_encodings_are_told_from_the_text() {
    let mut failures = Vec::new();
    for (sample, names) in SAMPLES {
        let text = format!("{sample}\n").repeat(4);
        for name in names {
            let encoding = Encoding::for_label(name.as_bytes()).unwrap();
            let (bytes, _, lossy) = encoding.encode(&text);
            assert!(!lossy, "{name} cannot write {sample}");
            let decoded = decode(&bytes).unwrap();
            if decoded.text != text {
                let start: String = decoded.text.chars().take(40).collect();
                failures.push(format!("{name} was read as {}: {start}", decoded.encoding));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn unicode_is_told_with_and_without_a_mark() {
    for (sample, _) in SAMPLES {
        let text = format!("{sample}\nid: 42\n");
        let utf16 = |to_bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(to_bytes).collect()
        };
        let utf32 = |to_bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
            text.chars().flat_map(|c| to_bytes(c as u32)).collect()
        };
        let forms: [(&str, Vec<u8>, &[u8]); 5] = [
            ("utf-8", text.clone().into_bytes(), b"\xEF\xBB\xBF"),
            ("utf-16le", utf16(u16::to_le_bytes), b"\xFF\xFE"),
            ("utf-16be", utf16(u16::to_be_bytes), b"\xFE\xFF"),
            ("utf-32le", utf32(u32::to_le_bytes), b"\xFF\xFE\0\0"),
            ("utf-32be", utf32(u32::to_be_bytes), b"\0\0\xFE\xFF"),
        ];
        for (name, bytes, mark) in forms {
            for bytes in [[mark, &bytes].concat(), bytes] {
                let decoded = decode(&bytes);
                let found = decoded
                    .as_ref()
                    .map(|decoded| (decoded.encoding, &*decoded.text));
                assert_eq!(found, Some((name, &*text)));
            }
        }
    }
}

#[test]
fn encodings_are_told_in_every_format_of_text() {
    let (sample, _) = SAMPLES[0];
    for (declared, text) in [
        ("csv", format!("名称,说明\n图谱,{sample}\n")),
        ("tsv", format!("名称\t说明\n图谱\t{sample}\n")),
        ("json", format!("{{\"说明\": \"{sample}\"}}")),
        ("md", format!("# 标题\n\n{sample}\n")),
        ("rst", format!("标题\n====\n\n{sample}\n")),
        ("html", format!("<html><body><p>{sample}</p></body></html>")),
        ("xml", format!("<文档><说明>{sample}</说明></文档>")),
        ("py", format!("# {sample}\nprint(1)\n")),
    ] {
        let (bytes, ..) = encoding_rs::GB18030.encode(&text);
        let document = parse_bytes(&bytes, Some(declared), &Limits::default()).unwrap();
        assert!(
            document.text.contains(sample),
            "{declared}: {}",
            document.text
        );
        assert_eq!(document.encoding.as_deref(), Some("gb18030"), "{declared}");
    }
}
