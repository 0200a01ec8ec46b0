use crate::arrays::copied;
use crate::callbacks::{Call, Cancel, PictureCallback, PreviewCallback, ProgressCallback};
use crate::error::{check, Result};
use crate::handle::{init_sized, Handle};
use crate::image::Image;
use crate::inputs::{number, positive, text};
use crate::pipeline::Pipeline;
use crate::sys;

/// How pictures are made.
#[derive(Clone, Copy)]
pub struct GenerateOptions<'a> {
    /// To draw, 1..=4096. Default 8.
    pub images: u32,
    /// To keep, 1..=4096; more than `images` keeps all. Default 4.
    pub pick: u32,
    /// Keep the k likeliest ids; 0: all. Default `None`: the model's, else 4096.
    pub top_k: Option<u32>,
    /// Then the likeliest until their sum exceeds p: 0 < p <= 1. Default `None`: the model's, else 0.975.
    pub top_p: Option<f64>,
    /// More than 0. Default `None`: the model's, else 1.
    pub temperature: Option<f64>,
    /// The likeliest id, always. Default false.
    pub greedy: bool,
    /// Default 0.
    pub seed: u64,
    /// Images in one step of the token loop, 1..=4096; does not change the answers. Default 8.
    pub batch: u32,
    /// false: keep by ppl, not by ruCLIP. Default true.
    pub rank: bool,
    /// false: do not enlarge. Default true.
    pub super_resolution: bool,
    /// A picture to go on from. Default `None`.
    pub image_prompt: Option<ImagePrompt<'a>>,
    /// Called after every token and every picture.
    pub on_progress: Option<ProgressCallback<'a>>,
    /// Called with pictures as far as they are drawn.
    pub on_preview: Option<PreviewCallback<'a>>,
    /// Tokens between previews; 0, the default: none.
    pub preview_every: u32,
    /// Called with each kept picture as soon as it is complete.
    pub on_picture: Option<PictureCallback<'a>>,
    /// Stops the call from another thread.
    pub cancel: Option<&'a Cancel>,
}

/// A picture to go on from, and its borders that are kept, in tokens.
#[derive(Clone, Copy, Debug)]
pub struct ImagePrompt<'a> {
    /// Of the size that the model draws.
    pub image: &'a Image,
    /// Rows kept at the top.
    pub up: u32,
    /// Rows kept at the bottom.
    pub down: u32,
    /// Columns kept.
    pub left: u32,
    /// Columns kept.
    pub right: u32,
    /// Encode every border strip on its own.
    pub crop_first: bool,
}

impl<'a> ImagePrompt<'a> {
    /// One of which nothing is kept yet.
    pub fn new(image: &'a Image) -> Self {
        ImagePrompt { image, up: 0, down: 0, left: 0, right: 0, crop_first: false }
    }
}

/// One of the kept pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// The picture, enlarged if asked for.
    pub image: Image,
    /// Which of the drawn images.
    pub number: u32,
    /// The seed that it was drawn with.
    pub seed: u64,
    /// Mean of exp(cross-entropy) of its tokens; lower is better.
    pub ppl: f64,
    /// `None` if it was not ranked by ruCLIP.
    pub clip_score: Option<f32>,
    /// grid * grid ids in raster order.
    pub tokens: Vec<i32>,
}

impl Default for GenerateOptions<'_> {
    fn default() -> Self {
        let c = init_sized(sys::kandinsky_generate_options_init_sized);
        GenerateOptions {
            images: c.images as u32,
            pick: c.pick as u32,
            top_k: None,
            top_p: None,
            temperature: None,
            greedy: c.greedy != 0,
            seed: c.seed,
            batch: c.batch as u32,
            rank: c.rank != 0,
            super_resolution: c.super_resolution != 0,
            image_prompt: None,
            on_progress: None,
            on_preview: None,
            preview_every: 0,
            on_picture: None,
            cancel: None,
        }
    }
}

impl Pipeline {
    /// The options with what this model's files say of top_k, top_p and temperature, else with their defaults.
    pub fn default_options(&self) -> Result<GenerateOptions<'static>> {
        let mut c = init_sized(sys::kandinsky_generate_options_init_sized);
        // SAFETY: the handle is alive, and the struct initialised.
        check(|error| unsafe { sys::kandinsky_pipeline_default_options(self.handle.get(), &mut c, error) })?;
        Ok(GenerateOptions {
            top_k: Some(c.top_k as u32),
            top_p: Some(c.top_p),
            temperature: Some(c.temperature),
            ..Default::default()
        })
    }

    /// Draws, ranks and enlarges pictures of a prompt and returns the kept ones, best first.
    pub fn generate(&self, prompt: &str, options: &GenerateOptions) -> Result<Vec<Picture>> {
        let prompt = text("prompt", prompt)?;
        let mut call = Call::new(options.on_progress);
        call.preview = options.on_preview;
        call.picture = options.on_picture;
        let mut c = init_sized(sys::kandinsky_generate_options_init_sized);
        c.images = number("images", options.images)?;
        c.pick = number("pick", options.pick)?;
        c.top_k = options.top_k.map_or(Ok(-1), |k| number("top_k", k))?;
        c.top_p = positive("top_p", options.top_p, "0 < top_p <= 1")?;
        c.temperature = positive("temperature", options.temperature, "more than 0")?;
        c.greedy = options.greedy.into();
        c.seed = options.seed;
        c.batch = number("batch", options.batch)?;
        c.rank = options.rank.into();
        c.super_resolution = options.super_resolution.into();
        let image = options.image_prompt.map(|from| from.image.to_c()).transpose()?;
        if let (Some(from), Some(image)) = (options.image_prompt, &image) {
            c.image_prompt = image.get();
            c.up = number("up", from.up)?;
            c.down = number("down", from.down)?;
            c.left = number("left", from.left)?;
            c.right = number("right", from.right)?;
            c.crop_first = from.crop_first.into();
        }
        c.progress = call.on_progress();
        c.progress_user = call.user();
        c.preview = call.on_preview();
        c.preview_user = call.user();
        c.preview_every = number("preview_every", options.preview_every)?;
        c.picture = call.on_picture();
        c.picture_user = call.user();
        c.cancel = Cancel::pointer(options.cancel);
        // SAFETY: handles, call and cancel are alive during the call.
        let pictures = Handle::make(sys::kandinsky_pictures_release, |pictures, error| unsafe {
            sys::kandinsky_pipeline_generate(self.handle.get(), prompt.as_ptr(), &c, pictures, error)
        });
        let pictures = call.end(pictures)?;
        // SAFETY: the handle is alive, and the index within.
        let count = unsafe { sys::kandinsky_pictures_count(pictures.get()) };
        Ok((0..count).map(|index| unsafe { Picture::from_c(pictures.get(), index) }).collect())
    }
}

impl Picture {
    /// A copy. The list must be alive and have such an index.
    pub(crate) unsafe fn from_c(list: *const sys::kandinsky_pictures, index: usize) -> Self {
        let mut count = 0;
        let tokens = sys::kandinsky_pictures_tokens(list, index, &mut count);
        let ranked = sys::kandinsky_pictures_has_clip_score(list, index) != 0;
        Picture {
            image: Image::from_c(sys::kandinsky_pictures_image(list, index)),
            number: sys::kandinsky_pictures_number(list, index) as u32,
            seed: sys::kandinsky_pictures_seed(list, index),
            ppl: sys::kandinsky_pictures_ppl(list, index),
            clip_score: ranked.then(|| sys::kandinsky_pictures_clip_score(list, index)),
            tokens: copied(tokens, count),
        }
    }
}
