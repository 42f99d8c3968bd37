//! Types with magic numbers: PDF, ZIP and compound-file containers, images, programs.

use std::borrow::Cow;
use std::io::{Cursor, Read as _};

use file_format::{FileFormat, Kind};
use zip::ZipArchive;

use super::FileType;
use super::text_like::is_mail;

/// How far a PDF header may be from the start: what readers accept (PDF 1.7, implementation note 13).
const PDF_HEADER_WINDOW: usize = 1024;
/// The content types part of an Office file is small; more of it is not read.
const CONTENT_TYPES_BYTES: u64 = 256 << 10;

/// Tells the type of a container; `None` if the bytes may be text.
pub(super) fn sniff(bytes: &[u8], declared: Option<FileType>) -> Option<FileType> {
    if bytes.starts_with(b"%PDF-") {
        return Some(FileType::Pdf);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Some(sniff_zip(bytes, declared));
    }
    if bytes.trim_ascii_start().starts_with(b"{\\rtf") {
        // Its text is in several encodings at once, and may hold binary data.
        return Some(FileType::Rtf);
    }
    if bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return Some(sniff_compound(bytes));
    }
    let header = &bytes[..bytes.len().min(PDF_HEADER_WINDOW)];
    let format = FileFormat::from_bytes(bytes);
    match format {
        FileFormat::Gzip => return Some(FileType::Gzip),
        FileFormat::TapeArchive => return Some(FileType::Tar),
        FileFormat::Zstandard => return Some(FileType::Zstd),
        _ if crate::archive::is_tar(bytes) => return Some(FileType::Tar),
        FileFormat::MsDosExecutable
        | FileFormat::PortableExecutable
        | FileFormat::DynamicLinkLibrary
        | FileFormat::NewExecutable
        | FileFormat::LinearExecutable
        | FileFormat::ExecutableAndLinkableFormat
        | FileFormat::MachO => return Some(FileType::Executable),
        _ => {}
    }
    // A mail may speak of one, or have one attached.
    if contains(header, b"%PDF-") && !is_mail(&String::from_utf8_lossy(header), 2) {
        return Some(FileType::Pdf);
    }
    // The magic numbers of some formats are a few letters that a text may begin with; a text is a text first.
    let binary_kind = matches!(
        format.kind(),
        Kind::Archive
            | Kind::Audio
            | Kind::Compressed
            | Kind::Database
            | Kind::Disk
            | Kind::Ebook
            | Kind::Executable
            | Kind::Font
            | Kind::Image
            | Kind::Model
            | Kind::Package
            | Kind::Rom
            | Kind::Video
    );
    (binary_kind && has_control_bytes(header)).then(|| FileType::Other(other_name(format)))
}

/// Names a format with its article, or at least its kind.
fn other_name(format: FileFormat) -> &'static str {
    match format {
        FileFormat::PortableNetworkGraphics => "a Portable Network Graphics (PNG) file",
        FileFormat::JointPhotographicExpertsGroup => "a JPEG image",
        FileFormat::GraphicsInterchangeFormat => "a GIF image",
        FileFormat::TagImageFileFormat => "a TIFF image",
        FileFormat::Webp => "a WebP image",
        FileFormat::SevenZip => "a 7z archive",
        FileFormat::RoshalArchive => "a RAR archive",
        FileFormat::Bzip2 => "a BZIP2 file",
        FileFormat::Xz => "an XZ file",
        FileFormat::Sqlite3 => "an SQLite database",
        FileFormat::MicrosoftAccessDatabase | FileFormat::MicrosoftAccess2007Database => {
            "an Access database"
        }
        FileFormat::Djvu => "a DjVu document",
        FileFormat::Mobipocket => "a Mobipocket book",
        _ => match format.kind() {
            Kind::Audio => "an audio file",
            Kind::Video => "a video file",
            Kind::Image => "an image",
            Kind::Font => "a font",
            Kind::Archive | Kind::Package | Kind::Compressed => "an archive",
            Kind::Database => "a database file",
            Kind::Executable => "an executable program",
            _ => "a binary file",
        },
    }
}

fn sniff_zip(bytes: &[u8], declared: Option<FileType>) -> FileType {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else {
        return sniff_broken_zip(bytes, declared);
    };
    let names: Vec<String> = archive
        .file_names()
        .flatten()
        .map(Cow::into_owned)
        .collect();
    if let Some(file_type) = part_type(names.iter().map(String::as_str)) {
        return file_type;
    }
    if let Some(mimetype) = read_member(&mut archive, "mimetype") {
        return match mimetype.trim() {
            "application/epub+zip" => FileType::Epub,
            mimetype if mimetype.starts_with("application/vnd.oasis.opendocument.text") => {
                FileType::Odt
            }
            mimetype if mimetype.starts_with("application/vnd.oasis.opendocument.spreadsheet") => {
                FileType::Ods
            }
            mimetype if mimetype.starts_with("application/vnd.oasis.opendocument.presentation") => {
                FileType::Odp
            }
            _ => FileType::Zip,
        };
    }
    if let Some(types) = read_member(&mut archive, "[Content_Types].xml") {
        for (marker, file_type) in [
            ("wordprocessingml.document.main", FileType::Docx),
            ("spreadsheetml.sheet.main", FileType::Xlsx),
            ("presentationml.presentation.main", FileType::Pptx),
        ] {
            if types.contains(marker) {
                return file_type;
            }
        }
    }
    if let Some(office @ (FileType::Docx | FileType::Pptx | FileType::Xlsx)) = declared {
        return office; // so that the error says what is missing in it
    }
    FileType::Zip
}

/// A ZIP file without its directory: the local headers still name the members.
fn sniff_broken_zip(bytes: &[u8], declared: Option<FileType>) -> FileType {
    const WINDOW: usize = 1 << 20;
    let head = &bytes[..bytes.len().min(WINDOW)];
    for (marker, file_type) in [
        (&b"opendocument.text"[..], FileType::Odt),
        (b"opendocument.spreadsheet", FileType::Ods),
        (b"opendocument.presentation", FileType::Odp),
        (b"word/", FileType::Docx),
        (b"xl/workbook.bin", FileType::Xlsb),
        (b"xl/", FileType::Xlsx),
        (b"ppt/", FileType::Pptx),
    ] {
        if contains(head, marker) {
            return file_type;
        }
    }
    if let Some(office @ (FileType::Docx | FileType::Pptx | FileType::Xlsx)) = declared
        && contains(head, b"[Content_Types].xml")
    {
        return office;
    }
    FileType::Zip
}

fn part_type<'a>(names: impl Iterator<Item = &'a str>) -> Option<FileType> {
    let mut found = None;
    for name in names {
        match name {
            "word/document.xml" => return Some(FileType::Docx),
            "xl/workbook.xml" => return Some(FileType::Xlsx),
            "xl/workbook.bin" => return Some(FileType::Xlsb),
            "ppt/presentation.xml" => return Some(FileType::Pptx),
            _ if name.starts_with("word/") => found = Some(FileType::Docx),
            _ if name.starts_with("xl/") => found = found.or(Some(FileType::Xlsx)),
            _ if name.starts_with("ppt/") => found = found.or(Some(FileType::Pptx)),
            _ => {}
        }
    }
    found
}

fn read_member(archive: &mut ZipArchive<Cursor<&[u8]>>, name: &str) -> Option<String> {
    let mut content = Vec::new();
    let member = archive.by_name(name).ok()?;
    member
        .take(CONTENT_TYPES_BYTES)
        .read_to_end(&mut content)
        .ok()?;
    Some(String::from_utf8_lossy(&content).into_owned())
}

/// Streams and storages by which compound files are told apart.
const COMPOUND_MARKS: [(&str, FileType); 6] = [
    ("EncryptedPackage", FileType::EncryptedOffice),
    ("WordDocument", FileType::Doc),
    ("PowerPoint Document", FileType::Ppt),
    ("__properties_version1.0", FileType::Msg),
    ("Workbook", FileType::Xls),
    ("Book", FileType::Xls),
];

/// Compound files are told apart by the names at their root: deeper down lie embedded files of other types. A damaged
/// directory still holds the names, as UTF-16LE.
fn sniff_compound(bytes: &[u8]) -> FileType {
    let has: Box<dyn Fn(&str) -> bool> = match cfb::CompoundFile::open(Cursor::new(bytes)) {
        Ok(file) => Box::new(move |name| file.exists(name)),
        Err(_) => Box::new(|name| {
            let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            contains(bytes, &name)
        }),
    };
    COMPOUND_MARKS
        .into_iter()
        .find(|(name, _)| has(name))
        .map_or(
            FileType::Other("a compound file (CFB)"),
            |(_, file_type)| file_type,
        )
}

fn has_control_bytes(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .any(|&byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B))
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}
