//! Draws pictures of a prompt and writes them as PNG files, showing how far it is.
use kandinsky::{GenerateOptions, Pipeline, Progress};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

const USAGE: &str = "usage: draw MODEL PROMPT [OUT [SEED]]";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (model, prompt, out, seed) = match arguments[..] {
        [model, prompt] => (model, prompt, "pictures", "0"),
        [model, prompt, out] => (model, prompt, out, "0"),
        [model, prompt, out, seed] => (model, prompt, out, seed),
        _ => {
            eprintln!("{USAGE}");
            std::process::exit(2)
        }
    };
    if let Err(error) = draw(model, prompt, Path::new(out), seed) {
        eprintln!("{error}");
        std::process::exit(1)
    }
}

fn draw(model: &str, prompt: &str, out: &Path, seed: &str) -> Result<(), Box<dyn Error>> {
    let seed = seed.parse().map_err(|_| format!("SEED is '{seed}', expected a number from 0"))?;
    std::fs::create_dir_all(out).map_err(|error| format!("{}: {error}", out.display()))?;
    let pipeline = Pipeline::load(model)?;
    let show = |progress: &Progress| {
        eprint!("\r{:<9} {:>3}/{}", progress.stage, progress.step, progress.steps);
        ControlFlow::Continue(())
    };
    let options = GenerateOptions { images: 8, pick: 4, seed, on_progress: Some(&show), ..Default::default() };
    let pictures = pipeline.generate(prompt, &options);
    eprintln!();
    for (index, picture) in pictures?.iter().enumerate() {
        let path = out.join(format!("{}.png", index + 1));
        picture.image.save(&path)?;
        let score = picture.clip_score.map_or("not ranked".into(), |score| format!("{score:.3}"));
        println!("{}  {score}  (image {}, ppl {:.1})", path.display(), picture.number, picture.ppl);
    }
    Ok(())
}
