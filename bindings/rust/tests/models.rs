mod common;
use common::{fails, gradient, nano, read};
use kandinsky::{Checkpoint, RealEsrgan, RuClip, Tokenizer, Transformer, TransformerConfig, VqganDecoder};
use kandinsky::{ComputeOptions, Device, DrawOptions, ErrorCode, Image, LogLevel, Precision, Stage, UpscaleOptions};
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;
use std::sync::Arc;

#[test]
fn devices() {
    let devices = kandinsky::devices().unwrap();
    let Device { name, description, memory_total, memory_free } = &devices[0];
    assert_eq!(name, "cpu");
    assert!(!description.is_empty() && *memory_total > 1 << 30 && memory_free <= memory_total);
}

#[test]
fn images() {
    let made = gradient(5, 4);
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("картинка.png");
    made.save(&path).unwrap();
    assert_eq!(Image::load(&path).unwrap(), made);
    assert_eq!(Image::decode(&made.encode_png().unwrap()).unwrap(), made);
    assert_eq!(made.pixel(1, 2), [231, 238, 245]);
    assert_eq!((made.width(), made.height(), made.pixels().len()), (5, 4, 60));
    assert_eq!(Image::new(5, 4, made.clone().into_pixels()).unwrap(), made);
    let large = gradient(64, 64);
    assert!(large.encode_jpeg(5).unwrap().len() < large.encode_jpeg(95).unwrap().len());

    fails(Image::new(0, 4, vec![]), ErrorCode::InvalidArgument, "image");
    fails(Image::new(5, 4, vec![0; 59]), ErrorCode::InvalidArgument, "pixels");
    fails(Image::decode(b"no picture"), ErrorCode::BadFile, "<memory>");
    fails(Image::decode(&[]), ErrorCode::BadFile, "<memory>");
    fails(Image::load("/nonexistent.png"), ErrorCode::NotFound, "/nonexistent.png");
    fails(Image::load("zero\0byte"), ErrorCode::InvalidArgument, "path");
    fails(made.save("picture.bmp"), ErrorCode::InvalidArgument, "picture.bmp");
    fails(made.encode_jpeg(101), ErrorCode::InvalidArgument, "quality");
    fails(made.encode_jpeg(u32::MAX), ErrorCode::InvalidArgument, "quality");
    assert!(std::panic::catch_unwind(|| made.pixel(5, 0)).is_err());
}

#[test]
fn tokenizer() {
    let tokenizer = Tokenizer::load(nano("tokenizer/bpe.model")).unwrap();
    let same = Tokenizer::from_bytes(&read("tokenizer/bpe.model"), "nano").unwrap();
    assert!(tokenizer.vocab_size() > 100 && tokenizer.vocab_size() == same.vocab_size());
    let ids = same.encode("красное сердце").unwrap();
    assert_eq!(tokenizer.decode(&ids).unwrap(), "красное сердце");
    let padded = tokenizer.encode_for_transformer("  КРАСНОЕ сердце ", 32).unwrap();
    assert_eq!((padded.len(), padded[0], padded[ids.len() + 1], padded[31]), (32, 2, 3, 0));
    assert_eq!(padded[1..=ids.len()], ids);
    assert_eq!(tokenizer.encode_for_ruclip("красное сердце", 16).unwrap()[1..=ids.len()], ids);
    assert!(tokenizer.encode("").unwrap().is_empty() && tokenizer.decode(&[]).unwrap().is_empty());

    let texts = ["красное сердце", "", "кот"];
    let lists = tokenizer.encode_batch(&texts, 2).unwrap();
    assert_eq!(lists, texts.map(|text| tokenizer.encode(text).unwrap()));
    assert_eq!(tokenizer.encode_with_dropout(texts[0], 0.0, 1).unwrap(), ids);
    let dropped = tokenizer.encode_with_dropout(texts[0], 0.9, 9).unwrap();
    assert!(dropped.len() > ids.len() && dropped == tokenizer.encode_with_dropout(texts[0], 0.9, 9).unwrap());
    assert_eq!(tokenizer.decode(&dropped).unwrap(), texts[0]);
    let piece = tokenizer.id_to_piece(ids[0]).unwrap();
    assert!(piece.starts_with('\u{2581}') && tokenizer.piece_to_id(&piece).unwrap() == ids[0], "{piece}");
    assert_eq!(tokenizer.piece_to_id("no such piece").unwrap(), tokenizer.unk_id());
    assert_eq!((tokenizer.pad_id(), tokenizer.bos_id(), tokenizer.eos_id()), (0, 2, 3));
    assert_eq!(tokenizer.kind(), "yttm");

    fails(tokenizer.encode_batch(&["кот", "a\0b"], 0), ErrorCode::InvalidArgument, "texts");
    fails(tokenizer.encode_batch(&texts, 5000), ErrorCode::InvalidArgument, "threads");
    fails(tokenizer.encode_with_dropout("кот", 1.5, 0), ErrorCode::InvalidArgument, "probability");
    fails(tokenizer.id_to_piece(-1), ErrorCode::InvalidArgument, "id");
    fails(tokenizer.encode("a\0b"), ErrorCode::InvalidArgument, "text");
    fails(tokenizer.encode_for_transformer("кот", 1), ErrorCode::InvalidArgument, "length");
    fails(tokenizer.encode_for_ruclip("кот", usize::MAX), ErrorCode::InvalidArgument, "length");
    fails(Tokenizer::load("/nonexistent"), ErrorCode::NotFound, "/nonexistent");
}

#[test]
fn transformer() {
    let lines = RefCell::new(Vec::new());
    let log = |level: LogLevel, line: &str| lines.borrow_mut().push((level, line.to_string()));
    let options = ComputeOptions { device: "cpu", precision: Precision::Fp32, threads: 2, log: Some(&log) };
    let path = nano("rudalle_kandinsky.bin");
    let model = Transformer::load_with(&path, None, &options).unwrap();
    assert!(matches!(&lines.borrow()[..], [(LogLevel::Info, line)] if line.contains("parameters")));
    assert_eq!((model.device(), model.precision()), ("cpu", Precision::Fp32));
    assert!(model.parameter_count() > 11_000_000);
    let config = model.config().unwrap();
    assert_eq!(config, TransformerConfig::preset("nano").unwrap());
    let bytes: Arc<[u8]> = read("rudalle_kandinsky.bin").into();
    let same = Transformer::from_bytes(bytes, "nano", Some(config), &ComputeOptions::default()).unwrap();

    let tokenizer = Tokenizer::load(nano("tokenizer/bpe.model")).unwrap();
    let text = tokenizer.encode_for_transformer("солнце", config.text_length as usize).unwrap();
    let length = (config.grid * config.grid) as usize;
    let forced: Vec<i32> = (0..length as i32).map(|i| if i < 10 { i } else { -1 }).collect();
    let steps = Cell::new(0);
    let count = |progress: &kandinsky::Progress| {
        assert!(progress.stage == Stage::Drawing && progress.images == 2 && progress.step <= progress.steps);
        steps.set(steps.get() + 1);
        ControlFlow::Continue(())
    };
    let options = DrawOptions { images: 2, first_number: 5, seed: 7, forced: Some(&forced), ..Default::default() };
    let seen = RefCell::new(Vec::new());
    let look = |number: u32, tokens: &[i32]| {
        seen.borrow_mut().push((number, tokens.to_vec()));
        ControlFlow::Continue(())
    };
    let previewing = DrawOptions { on_preview: Some(&look), preview_every: 100, ..options };
    let drawn = model.draw(&text, &DrawOptions { on_progress: Some(&count), ..previewing }).unwrap();
    assert!(steps.get() >= length - 10);
    let seen = seen.take();
    assert!(seen.len() >= 4 && seen.iter().any(|(_, tokens)| tokens.len() >= 100));
    for (number, tokens) in &seen {
        assert_eq!(tokens[..], drawn[*number as usize - 5].tokens[..tokens.len()]);
    }
    let stop = |_: u32, _: &[i32]| ControlFlow::Break(());
    let stopped = model.draw(&text, &DrawOptions { on_preview: Some(&stop), ..previewing });
    fails(stopped, ErrorCode::Cancelled, "");
    assert_eq!((drawn.len(), drawn[1].number, drawn[1].tokens.len()), (2, 6, length));
    assert_eq!(drawn[1].tokens[..10], forced[..10]);
    // The same image on its own, from the model in memory.
    let alone = same.draw(&text, &DrawOptions { images: 1, first_number: 6, ..options }).unwrap();
    assert_eq!(alone, drawn[1..]);

    let tokens = &drawn[1].tokens;
    let logits = model.logits(&text, &tokens[..3]).unwrap();
    assert_eq!((logits.len(), logits[0].len() as u32), (text.len() + 3, config.text_vocab + config.image_vocab));
    let losses = model.losses(&[&text], &[tokens]).unwrap();
    assert!(losses.text > 0.0 && (losses.total - (losses.text + 7.0 * losses.image) / 8.0).abs() < 1e-6);

    let ppl = model.ppl(&text, tokens).unwrap();
    assert!((ppl / drawn[1].ppl - 1.0).abs() < 1e-4, "{ppl} {}", drawn[1].ppl);

    fails(model.ppl(&text, &tokens[..5]), ErrorCode::InvalidArgument, "image");
    fails(model.losses(&[&text], &[&tokens[..5]]), ErrorCode::InvalidArgument, "images");
    fails(model.losses(&[&text], &[] as &[&[i32]]), ErrorCode::InvalidArgument, "images");
    fails(model.logits(&text[..3], &[]), ErrorCode::InvalidArgument, "text");
    fails(model.draw(&[], &DrawOptions::default()), ErrorCode::InvalidArgument, "text");
    let wrong = DrawOptions { forced: Some(&[1]), ..Default::default() };
    fails(model.draw(&text, &wrong), ErrorCode::InvalidArgument, "forced");
    fails(model.draw(&text, &DrawOptions { images: 0, ..options }), ErrorCode::InvalidArgument, "images");
    for (subject, options) in [
        ("device", ComputeOptions { device: "tpu", ..Default::default() }),
        ("threads", ComputeOptions { threads: 5000, ..Default::default() }),
        ("threads", ComputeOptions { threads: u32::MAX, ..Default::default() }),
    ] {
        fails(Transformer::load_with(&path, None, &options), ErrorCode::InvalidArgument, subject);
    }
    fails(TransformerConfig::preset("kandinski"), ErrorCode::InvalidArgument, "preset");
    fails(Transformer::load(nano("NOTICE")), ErrorCode::BadFile, nano("NOTICE").to_str().unwrap());
}

#[test]
fn vqgan() {
    let vqgan = VqganDecoder::load(nano("vae/vqgan.gumbelf8.model.ckpt")).unwrap();
    let config = String::from_utf8(read("vae/config.json")).unwrap();
    let bytes = read("vae/vqgan.gumbelf8.model.ckpt");
    let same = VqganDecoder::from_bytes(bytes, "nano", Some(&config), &ComputeOptions::default()).unwrap();
    assert!(vqgan.parameter_count() > 0 && vqgan.downsampling() == 8 && vqgan.codebook_size() > 100);
    let rows = [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 12]];
    let pictures = vqgan.decode(&rows, 2, 3).unwrap();
    assert_eq!((pictures.len(), pictures[1].width(), pictures[1].height()), (2, 24, 16));
    assert_eq!(same.decode(&rows, 2, 3).unwrap(), pictures);
    assert_eq!(vqgan.encode(&pictures[1]).unwrap().len(), 6);

    fails(vqgan.decode(&rows, 2, 2), ErrorCode::InvalidArgument, "tokens");
    fails(vqgan.decode(&rows, 0, 6), ErrorCode::InvalidArgument, "grid");
    fails(vqgan.decode(&rows, 1 << 30, 1 << 30), ErrorCode::InvalidArgument, "tokens");
    fails(vqgan.decode(&[[1, 2, 3, 1 << 30]], 2, 2), ErrorCode::InvalidArgument, "tokens");
    fails(vqgan.encode(&gradient(9, 9)), ErrorCode::InvalidArgument, "image");
}

#[test]
fn ruclip() {
    let ruclip = RuClip::load(nano("ruclip")).unwrap();
    let config = String::from_utf8(read("ruclip/config.json")).unwrap();
    let tokenizer = Tokenizer::load(nano("ruclip/bpe.model")).unwrap();
    let (bytes, options) = (read("ruclip/pytorch_model.bin"), ComputeOptions::default());
    let same = RuClip::from_bytes(bytes, "nano", &config, &tokenizer, &options).unwrap();
    drop(tokenizer);
    let (texts, pictures) = (["красный круг", "синий круг", "кот"], [gradient(20, 20), gradient(30, 20)]);
    let scores = ruclip.scores(&texts, &pictures).unwrap();
    assert_eq!((scores.len(), scores[0].len()), (3, 2));
    assert_eq!(same.scores(&texts, &[&pictures[0], &pictures[1]]).unwrap(), scores);
    let latents = ruclip.image_latents(&pictures).unwrap();
    let captions = ruclip.text_latents(&texts, &[]).unwrap();
    assert_eq!((latents.len(), captions.len(), latents[0].len()), (2, 3, ruclip.width()));
    let dot: f32 = latents[1].iter().zip(&captions[2]).map(|(a, b)| a * b).sum();
    assert!((dot - scores[2][1]).abs() < 1e-5, "{dot} {}", scores[2][1]);
    assert_ne!(ruclip.text_latents(&texts, &["{}"]).unwrap(), captions);

    let ranked = ruclip.rank(texts[2], &pictures, 9).unwrap();
    assert!(ranked.len() == 2 && ranked[0].score >= ranked[1].score && ranked[0].index + ranked[1].index == 1);
    assert!((ranked[0].score - scores[2][ranked[0].index]).abs() < 1e-5);
    assert_eq!(ruclip.rank(texts[2], &pictures, 1).unwrap(), ranked[..1]);
    assert!(ruclip.rank(texts[2], &[] as &[Image], 1).unwrap().is_empty());
    let (own, length) = (ruclip.tokenizer().unwrap(), ruclip.context_length());
    assert!(own.encode_for_ruclip(texts[0], length).unwrap().len() == length && own.vocab_size() > 100);
    assert!(ruclip.parameter_count() > 0 && ruclip.resolution() > 0);

    fails(ruclip.rank(texts[2], &pictures, 0), ErrorCode::InvalidArgument, "pick");
    fails(ruclip.scores(&["a\0b"], &pictures), ErrorCode::InvalidArgument, "texts");
    assert!(ruclip.text_latents(&texts, &["no braces"]).is_err());
    fails(RuClip::load("/nonexistent"), ErrorCode::NotFound, "/nonexistent");
}

#[test]
fn real_esrgan() {
    let model = RealEsrgan::load(nano("x4/RealESRGAN_x4.pth")).unwrap();
    let bytes: &'static [u8] = Box::leak(read("x4/RealESRGAN_x4.pth").into_boxed_slice());
    let same = RealEsrgan::from_bytes(bytes, "nano", &ComputeOptions::default()).unwrap();
    let (image, steps) = (gradient(16, 8), Cell::new(0));
    let count = |_: &kandinsky::Progress| {
        steps.set(steps.get() + 1);
        ControlFlow::Continue(())
    };
    let large = model.upscale(&image, &UpscaleOptions { on_progress: Some(&count), ..Default::default() }).unwrap();
    assert!(model.parameter_count() > 0);
    assert_eq!((model.scale(), large.width(), large.height()), (4, 64, 32));
    assert!(steps.get() > 0);
    assert_eq!(same.upscale(&image, &UpscaleOptions::default()).unwrap(), large);
    let bare = UpscaleOptions { padding: 0, mirror: 0, ..Default::default() };
    assert_ne!(model.upscale(&image, &bare).unwrap(), large);
    let small = UpscaleOptions { tile: 10, ..Default::default() };
    fails(model.upscale(&image, &small), ErrorCode::InvalidArgument, "tile");
}

#[test]
fn checkpoint() {
    let path = nano("x4/RealESRGAN_x4.pth");
    let file = Checkpoint::open(&path).unwrap();
    let same = Checkpoint::from_bytes(read("x4/RealESRGAN_x4.pth"), "nano").unwrap();
    assert!(file.format().starts_with("torch-") && same.format() == file.format());
    assert!(file.tensors().len() > 10 && same.tensors().len() == file.tensors().len());
    let elements = |shape: Vec<usize>| shape.iter().product::<usize>();
    let weights: usize = file.tensors().map(|tensor| elements(tensor.shape())).sum();
    assert!(weights as u64 >= RealEsrgan::load(&path).unwrap().parameter_count());
    let first = file.tensors().next().unwrap();
    let found = same.get(&first.name()).unwrap();
    assert_eq!(
        (found.dtype(), found.shape(), found.read().unwrap()),
        (first.dtype(), first.shape(), first.read().unwrap())
    );
    assert!(first.read().unwrap().len() % elements(first.shape()) == 0 && first.dtype().starts_with("float"));
    assert!(file.get("no such tensor").is_none());

    fails(Checkpoint::open("/nonexistent"), ErrorCode::NotFound, "/nonexistent");
    fails(Checkpoint::from_bytes(&b"PK"[..], "mine"), ErrorCode::BadFile, "mine");
}
