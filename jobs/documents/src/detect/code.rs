//! Source code: by its declared extension, or by a first line that nothing else begins with.

/// Extensions of programs, scripts, style sheets and configuration, and the names that media types have. Sorted.
const EXTENSIONS: [&str; 137] = [
    "ada",
    "adb",
    "ads",
    "asm",
    "awk",
    "bash",
    "bat",
    "bzl",
    "c",
    "c++",
    "cc",
    "cfg",
    "cjs",
    "cl",
    "clj",
    "cljs",
    "cmake",
    "cmd",
    "coffee",
    "conf",
    "cpp",
    "cs",
    "css",
    "cu",
    "cxx",
    "cypher",
    "d",
    "dart",
    "diff",
    "dockerfile",
    "ecmascript",
    "el",
    "elm",
    "env",
    "erl",
    "ex",
    "exs",
    "f90",
    "fish",
    "fs",
    "fsx",
    "glsl",
    "go",
    "gradle",
    "graphql",
    "groovy",
    "h",
    "hcl",
    "hh",
    "hpp",
    "hrl",
    "hs",
    "hxx",
    "ini",
    "java",
    "javascript",
    "jl",
    "js",
    "jsx",
    "kt",
    "kts",
    "less",
    "lisp",
    "lua",
    "m",
    "make",
    "makefile",
    "mk",
    "ml",
    "mli",
    "mm",
    "nim",
    "nix",
    "pas",
    "patch",
    "php",
    "pl",
    "pm",
    "properties",
    "proto",
    "ps1",
    "py",
    "pyi",
    "r",
    "rb",
    "rkt",
    "rs",
    "s",
    "sass",
    "scala",
    "scm",
    "scss",
    "sh",
    "sql",
    "sv",
    "swift",
    "tcl",
    "tf",
    "toml",
    "ts",
    "tsx",
    "typescript",
    "v",
    "vb",
    "vhd",
    "vim",
    "vue",
    "x-c",
    "x-c++",
    "x-c++src",
    "x-chdr",
    "x-csh",
    "x-csharp",
    "x-csrc",
    "x-diff",
    "x-go",
    "x-httpd-php",
    "x-java",
    "x-java-source",
    "x-javascript",
    "x-lua",
    "x-makefile",
    "x-patch",
    "x-perl",
    "x-php",
    "x-python",
    "x-ruby",
    "x-rust",
    "x-script",
    "x-sh",
    "x-shellscript",
    "x-sql",
    "x-yaml",
    "yaml",
    "yml",
    "zig",
    "zsh",
];

/// Tells whether a file extension, or the second half of a media type, is one of code.
pub(super) fn is_extension(last: &str) -> bool {
    EXTENSIONS.binary_search(&last).is_ok()
}

/// Tells whether a text says in its first lines that it is code: a line for the kernel that names an interpreter, a
/// preprocessor's include, the opening tag of PHP.
pub(super) fn is_code(sample: &str) -> bool {
    let Some(first) = sample.lines().next() else {
        return false;
    };
    if first.starts_with("#!/") || first.starts_with("#! /") || first.starts_with("<?php") {
        return true;
    }
    // Comments may come before the includes.
    sample
        .lines()
        .take(100)
        .filter_map(|line| line.trim_end().strip_prefix("#include "))
        .any(|header| {
            (header.starts_with('<') && header.ends_with('>'))
                || (header.len() > 2 && header.starts_with('"') && header.ends_with('"'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_sorted() {
        assert!(EXTENSIONS.is_sorted());
        assert!(is_extension("rs") && is_extension("yaml") && !is_extension("txt"));
    }

    #[test]
    fn first_lines_tell_code() {
        assert!(is_code("#!/usr/bin/env python3\nprint(1)\n"));
        assert!(is_code(
            "/* licence */\n#include <stdio.h>\nint main(void) {}\n"
        ));
        assert!(!is_code("# A heading\n\n#include is a directive of C.\n"));
        assert!(!is_code(""));
    }
}
