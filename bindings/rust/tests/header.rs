//! `kandinsky::sys` says what `kandinsky.h` says: structs as a C compiler lays them out, constants, and every function
//! with the types of its parameters.
use kandinsky::sys;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::mem::{size_of, MaybeUninit};
use std::path::PathBuf;
use std::process::Command;
use std::ptr::addr_of;

/// The size of each struct, and the offset of each of its fields, by name.
fn layout_in_rust() -> BTreeMap<String, usize> {
    let mut layout = BTreeMap::new();
    macro_rules! structs {
        ($($name:ident { $($field:ident)* })*) => {$(
            layout.insert(stringify!($name).to_string(), size_of::<sys::$name>());
            let value = MaybeUninit::<sys::$name>::uninit();
            let start = value.as_ptr();
            $(
                // SAFETY: only addresses are computed.
                let offset = unsafe { addr_of!((*start).$field) as usize - start as usize };
                layout.insert(format!("{}.{}", stringify!($name), stringify!($field)), offset);
            )*
        )*};
    }
    structs! {
        kandinsky_error { code message subject }
        kandinsky_progress { stage step steps images number }
        kandinsky_compute_options { struct_size device precision threads log log_user }
        kandinsky_transformer_config {
            struct_size layers hidden heads text_length grid text_vocab image_vocab version sandwich relax
        }
        kandinsky_draw_options {
            struct_size images first_number batch seed temperature top_k top_p greedy forced forced_count progress
            progress_user cancel preview preview_user preview_every
        }
        kandinsky_loss_values { text image total }
        kandinsky_ranked { index score }
        kandinsky_upscale_options { struct_size tile padding mirror batch reference progress progress_user cancel }
        kandinsky_pipeline_options {
            struct_size compute rank super_resolution transformer_config transformer tokenizer vqgan ruclip real_esrgan
            generation_config
        }
        kandinsky_memory_estimate {
            struct_size transformer_parameters vqgan_parameters ruclip_parameters real_esrgan_parameters weight_bytes
            cache_bytes total_bytes
        }
        kandinsky_generate_options {
            struct_size images pick top_k top_p temperature greedy seed batch rank super_resolution image_prompt up down
            left right crop_first progress progress_user preview preview_user preview_every cancel picture
            picture_user
        }
    }
    macro_rules! constants {
        ($($name:ident)*) => {$( layout.insert(stringify!($name).to_string(), sys::$name as usize); )*};
    }
    constants! {
        KANDINSKY_C_ABI_VERSION KANDINSKY_OK KANDINSKY_INVALID_ARGUMENT KANDINSKY_NOT_FOUND KANDINSKY_BAD_FILE
        KANDINSKY_UNSUPPORTED KANDINSKY_OUT_OF_MEMORY KANDINSKY_CANCELLED KANDINSKY_IO KANDINSKY_INTERNAL
        KANDINSKY_STAGE_DRAWING KANDINSKY_STAGE_DECODING KANDINSKY_STAGE_RANKING KANDINSKY_STAGE_ENLARGING
        KANDINSKY_LOG_DEBUG KANDINSKY_LOG_INFO KANDINSKY_LOG_WARNING
        KANDINSKY_PRECISION_AUTO KANDINSKY_PRECISION_FP32 KANDINSKY_PRECISION_BF16 KANDINSKY_PRECISION_FP16
        KANDINSKY_FORMAT_PNG KANDINSKY_FORMAT_JPEG
    }
    layout
}

fn include_dir() -> PathBuf {
    std::env::var_os("KANDINSKY_INCLUDE_DIR")
        .map_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../../capi").into(), PathBuf::from)
}

fn header() -> String {
    let text = std::fs::read_to_string(include_dir().join("kandinsky.h")).unwrap();
    let mut code = String::new();
    for part in text.split("/*") {
        code.push_str(part.split_once("*/").map_or(part, |(_, code)| code));
    }
    code
}

/// What a C program prints that is made of the names.
fn ask_c_compiler(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut program = String::from("#include <kandinsky.h>\n#include <stdio.h>\nint main(void) {\n");
    for name in names {
        let value = match name.split_once('.') {
            Some((structure, field)) => format!("offsetof({structure}, {field})"),
            None if name.starts_with("KANDINSKY_") => name.clone(),
            None => format!("sizeof({name})"),
        };
        writeln!(program, "  printf(\"{name} %zu\\n\", (size_t)({value}));").unwrap();
    }
    program.push_str("}\n");
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (source, binary) = (directory.join("layout.c"), directory.join("layout"));
    std::fs::write(&source, program).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let compiled = Command::new(compiler).arg("-I").arg(include_dir()).arg(&source).arg("-o").arg(&binary).status();
    assert!(compiled.unwrap().success());
    let output = String::from_utf8(Command::new(binary).output().unwrap().stdout).unwrap();
    output.lines().filter_map(|line| line.split_once(' ')).map(|(n, v)| (n.to_string(), v.parse().unwrap())).collect()
}

#[test]
fn structs_and_constants() {
    let layout = layout_in_rust();
    assert_eq!(layout, ask_c_compiler(layout.keys().cloned()));
}

/// A struct or constant that the header has and the lists above lack would pass unseen.
#[test]
fn nothing_is_forgotten() {
    let (code, layout) = (header(), layout_in_rust());
    for part in code.split("typedef struct ").skip(1) {
        let name = part.split_whitespace().next().unwrap();
        if let Some((body, _)) = part.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap()) {
            if !part.trim_start_matches(name).trim_start().starts_with('{') {
                continue; // opaque
            }
            for declaration in body.split(';') {
                for field in declaration.split(',') {
                    if let Some(field) = field.split('[').next().unwrap().split(&[' ', '*', '\n'][..]).last() {
                        assert!(field.is_empty() || layout.contains_key(&format!("{name}.{field}")), "{name}.{field}");
                    }
                }
            }
            assert!(layout.contains_key(name), "{name}");
        }
    }
    for body in code.split("enum {").skip(1) {
        for constant in body.split('}').next().unwrap().split(',') {
            let name = constant.split('=').next().unwrap().trim();
            assert!(layout.contains_key(name), "{name}");
        }
    }
}

/// "const char *const *" becomes "*const *const c_char".
fn rust_type(c: &str) -> String {
    let spaced = c.replace('*', " * ");
    let mut words: Vec<&str> = spaced.split_whitespace().collect();
    let mut constant = words[0] == "const";
    words.drain(..usize::from(constant));
    let base = match words[0] {
        "int32_t" => "i32",
        "int64_t" => "i64",
        "uint64_t" => "u64",
        "uint8_t" => "u8",
        "size_t" => "usize",
        "double" => "f64",
        "float" => "f32",
        "char" => "c_char",
        "void" => "c_void",
        other => other,
    };
    let mut made = base.to_string();
    for word in &words[1..] {
        if *word == "*" {
            made = format!("{}{made}", if constant { "*const " } else { "*mut " });
        }
        constant = *word == "const";
    }
    made
}

#[test]
fn functions() {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut expected = BTreeMap::new();
    for declaration in header().split("\nKANDINSKY_C_API ").skip(1) {
        let declaration = flat(declaration.split_once(';').unwrap().0);
        let (start, parameters) = declaration.trim_end_matches(')').split_once('(').unwrap();
        let split = start.rfind(&[' ', '*'][..]).unwrap() + 1;
        let result = match start[..split].trim() {
            "void" => "()".to_string(),
            other => rust_type(other),
        };
        let parameters: Vec<String> = parameters
            .split(", ")
            .filter(|parameter| *parameter != "void")
            .map(|parameter| {
                let split = parameter.rfind(&[' ', '*'][..]).unwrap() + 1;
                format!("{}: {}", &parameter[split..], rust_type(&parameter[..split]))
            })
            .collect();
        expected.insert(start[split..].to_string(), format!("({}) -> {result}", parameters.join(", ")));
    }
    assert!(expected.len() > 130);

    let mut actual = BTreeMap::new();
    for declaration in include_str!("../src/sys/functions.rs").split("pub fn ").skip(1) {
        let declaration = flat(declaration.split_once(';').unwrap().0);
        let (name, rest) = declaration.split_once('(').unwrap();
        let (parameters, result) = rest.split_once(')').unwrap();
        let result = result.trim().strip_prefix("-> ").unwrap_or("()");
        actual.insert(name.to_string(), format!("({}) -> {result}", parameters.trim().trim_end_matches(',')));
    }
    assert_eq!(actual, expected);
}

#[test]
fn the_library_is_of_this_version() {
    assert_eq!(kandinsky::abi_version(), sys::KANDINSKY_C_ABI_VERSION);
    assert_eq!(kandinsky::version(), env!("CARGO_PKG_VERSION"));
    assert!(kandinsky::torch_version().starts_with("2."));
}
