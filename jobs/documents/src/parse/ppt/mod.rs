//! PowerPoint presentations of 1997–2003 ([MS-PPT]): the stream `PowerPoint Document` of a compound file.
//!
//! The stream is a tree of records ([`records`]). A presentation that was saved often holds old versions of its slides
//! too, so the directory ([`directory`]) says which are valid. The document lists the slides in order, each with the
//! text of its outline; [`slide`] reads the shapes of a slide, some of which refer to that text. Every slide is a page;
//! notes follow it. Footers, dates, numbers and masters are left out.

mod directory;
mod records;
mod slide;

use super::compound::Compound;
use super::encrypted;
use super::xml::malformed;
use crate::block::Document;
use crate::detect::FileType;
use crate::error::ParseError;
use crate::limits::Limits;
use crate::normalise::DocumentBuilder;
use directory::Directory;
use records::{Record, kind};
use slide::{OutlineText, SlideText};

/// Reads a presentation.
///
/// # Errors
/// `parse.truncated`, `parse.encrypted`, `parse.malformed`, `parse.limit` (nesting).
pub(super) fn parse(bytes: &[u8], limits: &Limits) -> Result<Document, ParseError> {
    let mut file = Compound::open(bytes, "PPT", limits)?;
    let user = file.stream("/Current User").unwrap_or_default();
    let stream = file.stream("/PowerPoint Document").ok_or_else(|| {
        malformed("the file has no stream `PowerPoint Document`, so it is no presentation")
    })?;
    let directory = Directory::read(&user, &stream);
    if directory.is_encrypted {
        return Err(encrypted(FileType::Ppt));
    }
    let document = directory
        .document
        .and_then(|offset| records::at(&stream, offset))
        .filter(|record| record.kind == kind::DOCUMENT)
        // Without its directory, the last version that was saved is the best guess.
        .or_else(|| {
            records::children(&stream)
                .filter(|record| record.kind == kind::DOCUMENT)
                .last()
        })
        .ok_or_else(|| malformed("the presentation has no list of slides"))?;
    let mut builder = DocumentBuilder::new(FileType::Ppt);
    let slides = slides(&document);
    let notes = directory.notes(&document, &stream);
    for (number, slide) in (1..).zip(&slides) {
        if number > limits.max_pages {
            builder.warn(format!("stopped after {} slides", limits.max_pages));
            break;
        }
        builder.begin_page(number);
        let mut text = SlideText::new(&slide.outline, limits);
        let record = directory.record(slide.reference, &stream);
        if let Some(record) = record.filter(|record| record.kind == kind::SLIDE) {
            text.read(&record)?;
        } else {
            text.read_outline();
        }
        text.push_to(&mut builder);
        if let Some(record) = notes.get(&slide.id) {
            let mut text = SlideText::notes(limits);
            text.read(record)?;
            text.push_to(&mut builder);
        }
    }
    Ok(builder.finish())
}

/// A slide in the list of the document.
struct Slide {
    /// Number of its record in the directory.
    reference: u32,
    id: u32,
    outline: Vec<OutlineText>,
}

/// Reads the list of slides, and the texts of each.
fn slides(document: &Record<'_>) -> Vec<Slide> {
    /// Lists of the same form name masters and notes.
    const SLIDES: u16 = 0;
    let list = records::children(document.content)
        .find(|record| record.kind == kind::SLIDE_LIST && record.instance == SLIDES);
    let mut slides: Vec<Slide> = Vec::new();
    for record in list.iter().flat_map(|list| records::children(list.content)) {
        if record.kind == kind::SLIDE_REFERENCE {
            slides.push(Slide {
                reference: record.u32_at(0).unwrap_or(0),
                id: record.u32_at(12).unwrap_or(0),
                outline: Vec::new(),
            });
        } else if let Some(slide) = slides.last_mut() {
            slide::add_outline_record(&mut slide.outline, &record);
        }
    }
    slides
}

#[cfg(test)]
mod tests {
    use crate::block::BlockKind;
    use crate::error::ErrorCode;
    use crate::limits::Limits;
    use crate::parse::parse_bytes;
    use crate::parse::test_package::compound;

    fn record(version_and_instance: u16, kind: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = version_and_instance.to_le_bytes().to_vec();
        bytes.extend(kind.to_le_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes.extend(content);
        bytes
    }

    fn container(instance: u16, kind: u16, children: &[Vec<u8>]) -> Vec<u8> {
        record(instance << 4 | 0xF, kind, &children.concat())
    }

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn header(role: u32) -> Vec<u8> {
        record(0, 0x0F9F, &words(&[role]))
    }

    fn shape(parts: &[Vec<u8>]) -> Vec<u8> {
        container(0, 0xF004, &[container(0, 0xF00D, parts)])
    }

    /// A presentation whose slide was saved twice; `token` is that of the stream of the user.
    fn presentation(token: u32) -> Vec<u8> {
        let body: Vec<u8> = "数据\r二"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let cell = |left: u32, top: u32, text: &[u8]| {
            container(
                0,
                0xF004,
                &[
                    record(0, 0xF00F, &words(&[left, top, left + 1, top + 1])),
                    container(0, 0xF00D, &[header(4), record(0, 0x0FA8, text)]),
                ],
            )
        };
        let table = container(
            0,
            0xF003,
            &[
                container(
                    0,
                    0xF004,
                    &[record(1 << 4 | 3, 0xF122, &[0x9F, 3, 1, 0, 0, 0])],
                ),
                cell(1, 5, b"d"),
                cell(1, 0, b"b"),
                cell(0, 0, b"a"),
                cell(0, 5, b"c"),
            ],
        );
        let old = container(
            0,
            0x03EE,
            &[container(
                0,
                0x040C,
                &[shape(&[header(4), record(0, 0x0FA8, b"old")])],
            )],
        );
        let new = container(
            0,
            0x03EE,
            &[container(
                0,
                0x040C,
                &[
                    shape(&[header(1), record(0, 0x0FA0, &body)]),
                    shape(&[record(0, 0x0F9E, &words(&[0]))]),
                    table,
                ],
            )],
        );
        let list = container(
            0,
            0x0FF0,
            &[
                record(0, 0x03F3, &words(&[2, 0, 0, 256, 0])),
                header(0),
                record(0, 0x0FA8, b"Title"),
            ],
        );
        let document = container(0, 0x03E8, &[list]);
        let mut stream = document;
        let old_offset = stream.len() as u32;
        stream.extend(old);
        let directory = stream.len() as u32;
        stream.extend(record(0, 0x1772, &words(&[1 | 2 << 20, 0, old_offset])));
        let first_edit = stream.len() as u32;
        stream.extend(record(0, 0x0FF5, &words(&[0, 0, 0, directory, 1, 3, 0])));
        let new_offset = stream.len() as u32;
        stream.extend(new);
        let directory = stream.len() as u32;
        stream.extend(record(0, 0x1772, &words(&[2 | 1 << 20, new_offset])));
        let second_edit = stream.len() as u32;
        stream.extend(record(
            0,
            0x0FF5,
            &words(&[0, 0, first_edit, directory, 1, 3, 0]),
        ));
        let user = record(0, 0x0FF6, &words(&[20, token, second_edit]));
        compound(&[("Current User", &user), ("PowerPoint Document", &stream)])
    }

    #[test]
    fn the_last_version_of_a_slide_is_read() {
        let document = parse_bytes(&presentation(0xE391_C05F), None, &Limits::default()).unwrap();
        document.check().unwrap();
        let blocks: Vec<_> = document
            .blocks
            .iter()
            .map(|block| (block.kind, &document.text[block.start..block.end]))
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Heading(2), "Title"),
                (BlockKind::ListItem, "数据"),
                (BlockKind::ListItem, "二"),
                (BlockKind::Table, "a | b"),
                (BlockKind::Table, "c | d"),
            ]
        );
        assert_eq!(document.pages.len(), 1);
    }

    #[test]
    fn protected_presentations_say_so() {
        let error = parse_bytes(&presentation(0xF3D1_C4DF), None, &Limits::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Encrypted);
    }
}
