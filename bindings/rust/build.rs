//! Finds libkandinsky: in KANDINSKY_LIB_DIR if that is set, else through pkg-config. A crate that depends on this one
//! finds the directory in the environment of its own build script, as DEP_KANDINSKY_LIB_DIR.
use std::env;
use std::process::{exit, Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in ["KANDINSKY_LIB_DIR", "PKG_CONFIG", "PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let directory = match env::var("KANDINSKY_LIB_DIR") {
        Ok(directory) if !directory.is_empty() => directory,
        _ => pkg_config(),
    };
    println!("cargo:rustc-link-lib=kandinsky");
    if !directory.is_empty() {
        println!("cargo:rustc-link-search=native={directory}");
        println!("cargo:lib_dir={directory}");
    }
}

/// The directory of the library; empty if it is one that the linker searches anyway.
fn pkg_config() -> String {
    let program = env::var("PKG_CONFIG").unwrap_or_else(|_| "pkg-config".into());
    let hint = "set KANDINSKY_LIB_DIR to the directory of libkandinsky.so, or PKG_CONFIG_PATH to that of kandinsky.pc";
    let output = Command::new(&program).args(["--libs-only-L", "kandinsky"]).output();
    match output {
        Ok(found) if found.status.success() => {
            let flags = String::from_utf8_lossy(&found.stdout).trim().to_string();
            flags.strip_prefix("-L").unwrap_or("").to_string()
        }
        Ok(failed) => {
            eprintln!("{}\n{hint}", String::from_utf8_lossy(&failed.stderr).trim());
            exit(1)
        }
        Err(error) => {
            eprintln!("{program} cannot be run ({error}): {hint}");
            exit(1)
        }
    }
}
