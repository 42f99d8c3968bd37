//! Windows code pages, as documents from before Unicode name them.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GB18030, GBK, IBM866, ISO_8859_2, ISO_8859_5, ISO_8859_7, KOI8_R,
    KOI8_U, MACINTOSH, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258,
    X_MAC_CYRILLIC,
};

/// Returns the encoding of a code page; `None` for unknown numbers.
pub(super) fn encoding(code_page: u32) -> Option<&'static Encoding> {
    Some(match code_page {
        866 => IBM866,
        874 => WINDOWS_874,
        932 | 10_001 => SHIFT_JIS,
        936 | 10_008 => GBK,
        949 | 1361 | 10_003 => EUC_KR,
        950 | 10_002 => BIG5,
        1250 => WINDOWS_1250,
        1251 => WINDOWS_1251,
        1252 => WINDOWS_1252,
        1253 => WINDOWS_1253,
        1254 => WINDOWS_1254,
        1255 => WINDOWS_1255,
        1256 => WINDOWS_1256,
        1257 => WINDOWS_1257,
        1258 => WINDOWS_1258,
        10_000 | 32_768 => MACINTOSH,
        10_007 => X_MAC_CYRILLIC,
        20_866 => KOI8_R,
        21_866 => KOI8_U,
        28_592 => ISO_8859_2,
        28_595 => ISO_8859_5,
        28_597 => ISO_8859_7,
        54_936 => GB18030,
        65_001 => UTF_8,
        _ => return None,
    })
}

/// Returns the encoding of a font's character set (`LOGFONT.lfCharSet`); `None` for those that follow the document.
pub(super) fn of_charset(charset: u32) -> Option<&'static Encoding> {
    encoding(match charset {
        77 => 10_000,
        128 => 932,
        129 | 130 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}

/// Returns the encoding of the language that a document names by its Windows id.
pub(super) fn of_language(id: u16) -> &'static Encoding {
    match id {
        0x0404 | 0x0C04 | 0x1404 => BIG5,
        0x0804 | 0x1004 => GBK,
        0x0411 => SHIFT_JIS,
        0x0412 => EUC_KR,
        0x041E => WINDOWS_874,
        0x0419 | 0x0402 | 0x0422 | 0x0423 | 0x042F | 0x0C1A => WINDOWS_1251,
        0x0405 | 0x040E | 0x0415 | 0x0418 | 0x041A | 0x041B | 0x0424 => WINDOWS_1250,
        0x0408 => WINDOWS_1253,
        0x041F => WINDOWS_1254,
        0x040D => WINDOWS_1255,
        0x0401 | 0x0429 => WINDOWS_1256,
        0x0425..=0x0427 => WINDOWS_1257,
        _ => WINDOWS_1252,
    }
}
