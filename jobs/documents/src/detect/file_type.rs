//! The types a document can have.

/// A type of document.
///
/// [`FileType::is_supported`] tells those that have a parser; the others are recognised so that the error can name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileType {
    Pdf,
    Docx,
    Html,
    Markdown,
    Text,
    /// Comma, semicolon, tab or bar between cells.
    Csv,
    /// JSON, and JSON Lines.
    Json,
    /// An Office document in an encrypted container.
    EncryptedOffice,
    Xlsx,
    Xlsb,
    Pptx,
    Xls,
    Doc,
    Ppt,
    Odt,
    Ods,
    Odp,
    Epub,
    Rtf,
    Eml,
    Msg,
    Xml,
    Zip,
    Gzip,
    Tar,
    Zstd,
    /// reStructuredText.
    Rst,
    /// Source code, scripts and configuration: what is read line by line.
    Code,
    Executable,
    /// Something with a magic number; the text is a noun with its article.
    Other(&'static str),
    /// Not text, and no known magic number.
    Binary,
}

impl FileType {
    /// The names of the types that have a parser, for messages.
    pub const SUPPORTED: &'static str = "pdf, docx, doc, odt, rtf, pptx, ppt, odp, xlsx, xlsb, xls, ods, html, epub, eml, msg, \
         markdown, rst, text, csv, json, xml, code, zip, tar, gz, zst";

    /// Returns the short name: `pdf`, `markdown`, `xlsx`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Text => "text",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::EncryptedOffice => "encrypted-office",
            Self::Xlsx => "xlsx",
            Self::Xlsb => "xlsb",
            Self::Pptx => "pptx",
            Self::Xls => "xls",
            Self::Doc => "doc",
            Self::Ppt => "ppt",
            Self::Odt => "odt",
            Self::Ods => "ods",
            Self::Odp => "odp",
            Self::Epub => "epub",
            Self::Rtf => "rtf",
            Self::Eml => "eml",
            Self::Msg => "msg",
            Self::Xml => "xml",
            Self::Zip => "zip",
            Self::Gzip => "gzip",
            Self::Tar => "tar",
            Self::Zstd => "zstd",
            Self::Rst => "rst",
            Self::Code => "code",
            Self::Executable => "executable",
            Self::Other(_) => "other",
            Self::Binary => "binary",
        }
    }

    /// Returns a noun with its article, for messages: `an XLSX workbook`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "a PDF document",
            Self::Docx => "a DOCX document",
            Self::Html => "an HTML page",
            Self::Markdown => "a Markdown text",
            Self::Text => "a plain text",
            Self::Csv => "a CSV table",
            Self::Json => "a JSON text",
            Self::EncryptedOffice => "an encrypted Office document",
            Self::Xlsx => "an XLSX workbook",
            Self::Xlsb => "an XLSB workbook",
            Self::Pptx => "a PPTX presentation",
            Self::Xls => "an XLS workbook",
            Self::Doc => "a DOC document (Word 97–2003)",
            Self::Ppt => "a PPT presentation (PowerPoint 97–2003)",
            Self::Odt => "an ODT document",
            Self::Ods => "an ODS workbook",
            Self::Odp => "an ODP presentation",
            Self::Epub => "an EPUB book",
            Self::Rtf => "an RTF document",
            Self::Eml => "a mail message (EML)",
            Self::Msg => "an Outlook message (MSG)",
            Self::Xml => "an XML file",
            Self::Zip => "a ZIP archive",
            Self::Gzip => "a GZIP file",
            Self::Tar => "a TAR archive",
            Self::Zstd => "a Zstandard file",
            Self::Rst => "a reStructuredText",
            Self::Code => "source code",
            Self::Executable => "an executable program",
            Self::Other(name) => name,
            Self::Binary => "binary data",
        }
    }

    /// Tells whether there is a parser.
    pub fn is_supported(self) -> bool {
        matches!(
            self,
            Self::Pdf
                | Self::Docx
                | Self::Html
                | Self::Markdown
                | Self::Text
                | Self::Csv
                | Self::Json
                | Self::Xml
                | Self::Rst
                | Self::Code
                | Self::Epub
                | Self::Eml
                | Self::Msg
        ) || self.is_office()
            || self.is_archive()
    }

    /// Tells whether it is an archive, or a compressed stream.
    pub fn is_archive(self) -> bool {
        matches!(self, Self::Zip | Self::Tar | Self::Gzip | Self::Zstd)
    }

    /// Tells whether any text is one of these, the empty one too.
    pub(crate) fn is_text_without_rules(self) -> bool {
        matches!(
            self,
            Self::Html | Self::Markdown | Self::Text | Self::Csv | Self::Rst | Self::Code
        )
    }

    /// Tells whether this is a document of an office program.
    fn is_office(self) -> bool {
        matches!(
            self,
            Self::Docx
                | Self::Doc
                | Self::Pptx
                | Self::Ppt
                | Self::Xlsx
                | Self::Xlsb
                | Self::Xls
                | Self::Odt
                | Self::Ods
                | Self::Odp
                | Self::Rtf
        )
    }

    /// Tells whether a parser of this type must run in a process of its own: hostile input may kill it, or cost far
    /// more time and memory than its size suggests.
    pub fn is_risky(self) -> bool {
        matches!(
            self,
            Self::Pdf | Self::Html | Self::Epub | Self::Eml | Self::Msg
        ) || self.is_office()
            || self.is_archive()
    }

    /// Tells whether the bytes are text.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Html
                | Self::Markdown
                | Self::Text
                | Self::Csv
                | Self::Json
                | Self::Eml
                | Self::Xml
                | Self::Rst
                | Self::Code
        )
    }

    /// Reads a file extension or a media type; `None` if it says nothing we know.
    pub fn from_declared(declared: &str) -> Option<Self> {
        let declared = declared.split(';').next()?.trim().to_ascii_lowercase();
        if let Some(file_type) = office_media_type(&declared) {
            return Some(file_type);
        }
        let last = declared.rsplit(['/', '.']).next()?;
        Some(match last {
            "pdf" => Self::Pdf,
            "docx" | "docm" | "dotx" | "dotm" => Self::Docx,
            "doc" | "dot" | "msword" => Self::Doc,
            "pptx" | "pptm" | "ppsx" | "ppsm" | "potx" | "potm" => Self::Pptx,
            "ppt" | "pps" | "pot" | "ms-powerpoint" => Self::Ppt,
            "xlsx" | "xlsm" | "xltx" | "xltm" => Self::Xlsx,
            "xlsb" => Self::Xlsb,
            "xls" | "xlt" | "ms-excel" => Self::Xls,
            "odt" | "ott" => Self::Odt,
            "ods" | "ots" => Self::Ods,
            "odp" | "otp" => Self::Odp,
            "rtf" => Self::Rtf,
            "html" | "htm" | "xhtml" | "xhtml+xml" => Self::Html,
            "md" | "markdown" | "x-markdown" | "mdown" | "mkd" => Self::Markdown,
            "txt" | "text" | "plain" | "log" => Self::Text,
            "rst" | "rest" | "x-rst" => Self::Rst,
            "xml" | "rss" | "atom" | "xsd" | "xsl" | "dbk" | "ditamap" | "dita" | "svg" => {
                Self::Xml
            }
            _ if last.ends_with("+xml") => Self::Xml,
            "epub" | "epub+zip" => Self::Epub,
            "eml" | "mbox" | "rfc822" => Self::Eml,
            "msg" | "ms-outlook" => Self::Msg,
            "zip" | "x-zip-compressed" => Self::Zip,
            "tar" | "x-tar" => Self::Tar,
            "gz" | "tgz" | "gzip" | "x-gzip" => Self::Gzip,
            "zst" | "tzst" | "zstd" => Self::Zstd,
            "csv" | "tsv" | "tab" | "tab-separated-values" => Self::Csv,
            "json" | "jsonl" | "ndjson" | "x-ndjson" | "geojson" | "ld+json" | "jsonlines" => {
                Self::Json
            }
            _ if super::code::is_extension(last) => Self::Code,
            _ => return None,
        })
    }
}

/// Reads the media types of office programs, whose last words are not file extensions.
fn office_media_type(declared: &str) -> Option<FileType> {
    const ENDINGS: [(&str, FileType); 12] = [
        ("wordprocessingml.document", FileType::Docx),
        ("wordprocessingml.template", FileType::Docx),
        ("presentationml.presentation", FileType::Pptx),
        ("presentationml.slideshow", FileType::Pptx),
        ("presentationml.template", FileType::Pptx),
        ("spreadsheetml.sheet", FileType::Xlsx),
        ("spreadsheetml.template", FileType::Xlsx),
        ("ms-excel.sheet.binary.macroenabled.12", FileType::Xlsb),
        ("ms-excel.sheet.macroenabled.12", FileType::Xlsx),
        ("opendocument.text", FileType::Odt),
        ("opendocument.spreadsheet", FileType::Ods),
        ("opendocument.presentation", FileType::Odp),
    ];
    ENDINGS
        .into_iter()
        .find(|(ending, _)| declared.ends_with(ending))
        .map(|(_, file_type)| file_type)
}
