mod common;
use common::{fails, nano};
use kandinsky::{Cancel, DrawOptions, ErrorCode, GenerateOptions, Image, ImagePrompt, Progress, Stage, UpscaleOptions};
use kandinsky::{ComputeOptions, LogLevel, Pipeline, PipelineOptions, TransformerConfig};
use kandinsky::{Picture, RealEsrgan, RuClip, Tokenizer, Transformer, VqganDecoder};
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

const HEART: &str = "красное сердце";

fn load() -> Pipeline {
    Pipeline::load(nano("")).unwrap()
}

#[test]
fn estimate() {
    let all = kandinsky::estimate_memory(nano(""), &PipelineOptions::default(), 8).unwrap();
    assert!(all.transformer_parameters > 11_000_000 && all.vqgan_parameters > 0 && all.ruclip_parameters > 0);
    assert!(all.real_esrgan_parameters > 0 && all.cache_bytes > 0 && all.total_bytes >= all.weight_bytes);
    let options = PipelineOptions { rank: false, super_resolution: false, ..Default::default() };
    let less = kandinsky::estimate_memory(nano(""), &options, 1).unwrap();
    assert!(less.ruclip_parameters == 0 && less.real_esrgan_parameters == 0 && less.total_bytes < all.total_bytes);
    fails(kandinsky::estimate_memory(nano(""), &options, 0), ErrorCode::InvalidArgument, "batch");
}

#[test]
fn generate() {
    let pipeline = load();
    let (steps, previews) = (Cell::new([0; 4]), Cell::new(0));
    let (handed, enlarged) = (RefCell::new(Vec::new()), RefCell::new(Vec::new()));
    let on_progress = |progress: &Progress| {
        let mut counts = steps.get();
        counts[progress.stage as usize] += 1;
        steps.set(counts);
        if progress.stage == Stage::Enlarging {
            enlarged.borrow_mut().push(progress.number);
        }
        Continue(())
    };
    let on_picture = |picture: Picture| {
        handed.borrow_mut().push(picture);
        Continue(())
    };
    let on_preview = |number: u32, tokens: u32, image: &Image| {
        assert!(number < 3 && tokens > 0 && image.width() == 128);
        previews.set(previews.get() + 1);
        Continue(())
    };
    let options = GenerateOptions {
        images: 3,
        pick: 2,
        seed: 11,
        on_progress: Some(&on_progress),
        on_preview: Some(&on_preview),
        preview_every: 64,
        on_picture: Some(&on_picture),
        ..Default::default()
    };
    let pictures = pipeline.generate(HEART, &options).unwrap();
    let counts = steps.get();
    assert!(counts[0] > 100 && counts.iter().all(|&count| count > 0) && previews.get() >= 9, "{counts:?}");
    assert_eq!(pictures.len(), 2);
    assert_eq!(handed.into_inner(), pictures);
    let numbers: Vec<u32> = pictures.iter().map(|picture| picture.number).collect();
    let mut enlarged = enlarged.into_inner();
    enlarged.dedup();
    assert_eq!(enlarged, numbers);
    let best = &pictures[0];
    assert!(best.clip_score > pictures[1].clip_score && best.clip_score.is_some() && best.ppl >= 1.0);
    assert_eq!((best.seed, best.image.width(), best.tokens.len()), (11, 512, 256));

    // The parts outlive the pipeline they came from and give the same pixels.
    let (tokenizer, transformer) = (pipeline.tokenizer().unwrap(), pipeline.transformer().unwrap());
    let (vqgan, ruclip) = (pipeline.vqgan().unwrap(), pipeline.ruclip().unwrap());
    let real_esrgan = pipeline.real_esrgan().unwrap();
    drop(pipeline);
    let config = transformer.config().unwrap();
    let text = tokenizer.encode_for_transformer(HEART, config.text_length as usize).unwrap();
    // As the model's generation_config.json says.
    let draw = DrawOptions { first_number: best.number, seed: 11, top_k: 512, top_p: 0.95, ..Default::default() };
    let drawn = transformer.draw(&text, &draw).unwrap();
    assert_eq!((&drawn[0].tokens, drawn[0].ppl), (&best.tokens, best.ppl));
    let decoded = vqgan.decode(&[&best.tokens], config.grid, config.grid).unwrap();
    assert_eq!(real_esrgan.upscale(&decoded[0], &UpscaleOptions::default()).unwrap(), best.image);
    assert!(ruclip.width() > 0);

    // An image prompt keeps the rows it is told to.
    let options = GenerateOptions {
        images: 1,
        rank: false,
        super_resolution: false,
        image_prompt: Some(ImagePrompt { up: 8, ..ImagePrompt::new(&decoded[0]) }),
        ..Default::default()
    };
    let continued = load().generate(HEART, &options).unwrap();
    assert_eq!(continued[0].tokens[..128], vqgan.encode(&decoded[0]).unwrap()[..128]);
    assert_eq!((continued[0].clip_score, continued[0].image.width()), (None, 128));
}

#[test]
fn of_parts() {
    let compute = ComputeOptions::default();
    let read = common::read;
    let text = |path| String::from_utf8(read(path)).unwrap();
    let tokenizer = Tokenizer::load(nano("tokenizer/bpe.model")).unwrap();
    let transformer = Transformer::from_bytes(read("rudalle_kandinsky.bin"), "t", None, &compute).unwrap();
    let bytes = read("vae/vqgan.gumbelf8.model.ckpt");
    let vqgan = VqganDecoder::from_bytes(bytes, "v", Some(&text("vae/config.json")), &compute).unwrap();
    let (bytes, captions) = (read("ruclip/pytorch_model.bin"), Tokenizer::load(nano("ruclip/bpe.model")).unwrap());
    let ruclip = RuClip::from_bytes(bytes, "r", &text("ruclip/config.json"), &captions, &compute).unwrap();
    let real_esrgan = RealEsrgan::from_bytes(read("x4/RealESRGAN_x4.pth"), "e", &compute).unwrap();
    let made = Pipeline::from_parts(&tokenizer, &transformer, &vqgan, Some(&ruclip), Some(&real_esrgan)).unwrap();
    let bare = Pipeline::from_parts(&tokenizer, &transformer, &vqgan, None, None).unwrap();
    // The bytes that the parts were read from stay with the pipelines, and with parts of theirs.
    drop((tokenizer, transformer, vqgan, ruclip, real_esrgan));
    fails(bare.ruclip(), ErrorCode::NotFound, "ruclip");

    // generation_config.json belongs to the directory, so parts have the defaults.
    let options = load().default_options().unwrap();
    assert_eq!((options.top_k, options.top_p, options.temperature), (Some(512), Some(0.95), Some(1.0)));
    let defaults = made.default_options().unwrap();
    assert_eq!((defaults.top_k, defaults.top_p, defaults.images), (Some(4096), Some(0.975), 8));
    let options = GenerateOptions { images: 2, pick: 1, seed: 5, ..options };
    let expected = load().generate(HEART, &GenerateOptions { top_k: None, top_p: None, ..options }).unwrap();
    assert_eq!(made.generate(HEART, &options).unwrap(), expected);
    let upscaler = made.real_esrgan().unwrap();
    drop(made);
    assert_eq!(upscaler.upscale(&common::gradient(8, 8), &UpscaleOptions::default()).unwrap().width(), 32);
    // A tokenizer of more ids than the transformer has does not fit.
    let characters: String = (0..30_000).map(|i| format!("{} {}\n", 0x4e00 + i, 4 + i)).collect();
    let large = Tokenizer::from_bytes(format!("30000 0\n{characters}1 0 2 3\n").as_bytes(), "large").unwrap();
    let (transformer, vqgan) = (bare.transformer().unwrap(), bare.vqgan().unwrap());
    let unfit = Pipeline::from_parts(&large, &transformer, &vqgan, None, None);
    fails(unfit, ErrorCode::InvalidArgument, "tokenizer");
}

#[test]
fn options() {
    let lines = Cell::new(0);
    let log = |_: LogLevel, _: &str| lines.set(lines.get() + 1);
    let vqgan = nano("vae/vqgan.gumbelf8.model.ckpt");
    let options = PipelineOptions {
        compute: ComputeOptions { device: "cpu", log: Some(&log), ..Default::default() },
        rank: false,
        super_resolution: false,
        vqgan: Some(&vqgan),
        ..Default::default()
    };
    let small = Pipeline::load_with(nano(""), &options).unwrap();
    assert!(lines.get() > 0);
    fails(small.ruclip(), ErrorCode::NotFound, "ruclip");
    fails(small.real_esrgan(), ErrorCode::NotFound, "real_esrgan");
    let wrong = PipelineOptions { tokenizer: Some("/nonexistent.model".as_ref()), ..Default::default() };
    fails(Pipeline::load_with(nano(""), &wrong), ErrorCode::NotFound, "/nonexistent.model");
    let config = TransformerConfig { grid: 15, ..TransformerConfig::preset("nano").unwrap() };
    assert!(Pipeline::load_with(nano(""), &PipelineOptions { transformer_config: Some(config), ..options }).is_err());
    fails(Pipeline::load("/nonexistent"), ErrorCode::NotFound, "/nonexistent");

    let image = Image::new(128, 128, vec![0; 128 * 128 * 3]).unwrap();
    let defaults = GenerateOptions::default();
    for (subject, options) in [
        ("images", GenerateOptions { images: 0, ..defaults }),
        ("pick", GenerateOptions { pick: 5000, ..defaults }),
        ("top_k", GenerateOptions { top_k: Some(u32::MAX), ..defaults }),
        ("top_p", GenerateOptions { top_p: Some(1.5), ..defaults }),
        ("top_p", GenerateOptions { top_p: Some(0.0), ..defaults }),
        ("temperature", GenerateOptions { temperature: Some(0.0), ..defaults }),
        ("temperature", GenerateOptions { temperature: Some(f64::NAN), ..defaults }),
        ("batch", GenerateOptions { batch: 0, ..defaults }),
        (
            "up",
            GenerateOptions {
                image_prompt: Some(ImagePrompt { up: u32::MAX, ..ImagePrompt::new(&image) }),
                ..defaults
            },
        ),
    ] {
        fails(small.generate(HEART, &options), ErrorCode::InvalidArgument, subject);
    }
    fails(small.generate("a\0b", &defaults), ErrorCode::InvalidArgument, "prompt");
    // All ids are another distribution than the likeliest one.
    let one = GenerateOptions { images: 1, ..defaults };
    let greedy = small.generate(HEART, &GenerateOptions { top_k: Some(1), ..one }).unwrap();
    assert_eq!(greedy[0].tokens, small.generate(HEART, &GenerateOptions { greedy: true, ..one }).unwrap()[0].tokens);
    assert_ne!(greedy[0].tokens, small.generate(HEART, &GenerateOptions { top_k: Some(0), ..one }).unwrap()[0].tokens);
}

#[test]
fn cancel() {
    let (pipeline, cancel) = (load(), Cancel::new().unwrap());
    assert!(!cancel.triggered());
    let (started, starts) = channel();
    let asked = Cell::new(None);
    let on_progress = |progress: &Progress| {
        if progress.step == 5 {
            asked.set(Some(Instant::now()));
            started.send(()).unwrap();
        }
        Continue(())
    };
    let options =
        GenerateOptions { images: 256, cancel: Some(&cancel), on_progress: Some(&on_progress), ..Default::default() };
    thread::scope(|scope| {
        let cancel = &cancel;
        scope.spawn(move || {
            starts.recv().unwrap();
            cancel.trigger();
        });
        fails(pipeline.generate(HEART, &options), ErrorCode::Cancelled, "");
    });
    let took = asked.get().unwrap().elapsed();
    println!("cancelled after {took:?}");
    assert!(took < Duration::from_secs(20), "{took:?}");
    // Once and for all.
    assert!(cancel.triggered());
    fails(pipeline.generate(HEART, &options), ErrorCode::Cancelled, "");
    let upscale = UpscaleOptions { cancel: Some(&cancel), ..Default::default() };
    fails(pipeline.real_esrgan().unwrap().upscale(&common::gradient(8, 8), &upscale), ErrorCode::Cancelled, "");
}

#[test]
fn callbacks_cancel_or_panic() {
    let pipeline = load();
    let one = GenerateOptions { images: 1, ..Default::default() };
    for stage in [Stage::Drawing, Stage::Decoding, Stage::Ranking, Stage::Enlarging] {
        let refuse = |progress: &Progress| if progress.stage == stage { Break(()) } else { Continue(()) };
        let options = GenerateOptions { on_progress: Some(&refuse), ..one };
        fails(pipeline.generate(HEART, &options), ErrorCode::Cancelled, "");
    }
    let previewed = |_: u32, tokens: u32, _: &Image| if tokens >= 32 { Break(()) } else { Continue(()) };
    let options = GenerateOptions { on_preview: Some(&previewed), preview_every: 16, ..one };
    fails(pipeline.generate(HEART, &options), ErrorCode::Cancelled, "");

    // What was handed over is there although a later step fails.
    let kept = RefCell::new(Vec::new());
    let one_only = |picture: Picture| {
        kept.borrow_mut().push(picture.number);
        Break(())
    };
    let options = GenerateOptions { images: 2, on_picture: Some(&one_only), super_resolution: false, ..one };
    fails(pipeline.generate(HEART, &options), ErrorCode::Cancelled, "");
    assert_eq!(kept.into_inner().len(), 1);

    // A panic passes the library by, once, and leaves everything usable.
    let calls = Cell::new(0);
    let oops = |_: &Progress| -> ControlFlow<()> {
        calls.set(calls.get() + 1);
        panic!("oops")
    };
    let options = GenerateOptions { on_progress: Some(&oops), ..one };
    let panic = catch_unwind(AssertUnwindSafe(|| pipeline.generate(HEART, &options))).unwrap_err();
    assert_eq!((panic.downcast_ref::<&str>(), calls.get()), (Some(&"oops"), 1));
    let oops = |_: u32, _: u32, _: &Image| -> ControlFlow<()> { panic!("preview") };
    let options = GenerateOptions { on_preview: Some(&oops), preview_every: 16, ..one };
    assert!(catch_unwind(AssertUnwindSafe(|| pipeline.generate(HEART, &options))).is_err());
    let oops = |_: LogLevel, _: &str| panic!("log");
    let compute = ComputeOptions { log: Some(&oops), ..Default::default() };
    let options = PipelineOptions { compute, ..Default::default() };
    assert!(catch_unwind(AssertUnwindSafe(|| Pipeline::load_with(nano(""), &options))).is_err());
    assert_eq!(pipeline.generate(HEART, &GenerateOptions { super_resolution: false, ..one }).unwrap().len(), 1);
}

#[test]
fn threads_share_a_model() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<Pipeline>();
    shared::<Cancel>();
    shared::<Tokenizer>();
    shared::<Transformer>();
    shared::<VqganDecoder>();
    shared::<RuClip>();
    shared::<RealEsrgan>();
    shared::<kandinsky::Checkpoint>();
    shared::<Picture>();
    shared::<kandinsky::Error>();

    let pipeline = load();
    let draw = |prompt| {
        let options = GenerateOptions { images: 2, seed: 3, super_resolution: false, ..Default::default() };
        pipeline.generate(prompt, &options).unwrap()
    };
    let alone = [draw(HEART), draw("жёлтое солнце")];
    assert_ne!(alone[0], alone[1]);
    let together = thread::scope(|scope| {
        let threads = [HEART, "жёлтое солнце"].map(|prompt| scope.spawn(move || draw(prompt)));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(alone, together);
}
