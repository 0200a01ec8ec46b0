use crate::arrays::copied;
use crate::callbacks::{Call, Cancel, ProgressCallback, TokensCallback};
use crate::error::Result;
use crate::handle::{init_sized, Handle};
use crate::transformer::Transformer;
use crate::{inputs, sys};

/// How image tokens are drawn.
#[derive(Clone, Copy)]
pub struct DrawOptions<'a> {
    /// To draw, 1..=1048576. Default 1.
    pub images: u32,
    /// Of the first of them, 0..=1048576. Default 0.
    pub first_number: u32,
    /// Images in one step, 1..=4096; does not change the answers. Default 8.
    pub batch: u32,
    /// Default 0.
    pub seed: u64,
    /// More than 0. Default 1.
    pub temperature: f64,
    /// Keep the k likeliest ids; 0: all. Default 4096.
    pub top_k: u32,
    /// Then the likeliest until their sum exceeds p: 0 < p <= 1. Default 0.975.
    pub top_p: f64,
    /// The likeliest id, always. Default false.
    pub greedy: bool,
    /// grid * grid ids, -1 where the model draws. Default `None`: all drawn.
    pub forced: Option<&'a [i32]>,
    /// Called after every step.
    pub on_progress: Option<ProgressCallback<'a>>,
    /// Called with the tokens as far as they are drawn.
    pub on_preview: Option<TokensCallback<'a>>,
    /// Tokens between previews; 0, the default: none.
    pub preview_every: u32,
    /// Stops the call from another thread.
    pub cancel: Option<&'a Cancel>,
}

impl Default for DrawOptions<'_> {
    fn default() -> Self {
        let c = init_sized(sys::kandinsky_draw_options_init_sized);
        DrawOptions {
            images: c.images as u32,
            first_number: c.first_number as u32,
            batch: c.batch as u32,
            seed: c.seed,
            temperature: c.temperature,
            top_k: c.top_k as u32,
            top_p: c.top_p,
            greedy: c.greedy != 0,
            forced: None,
            on_progress: None,
            on_preview: None,
            preview_every: 0,
            cancel: None,
        }
    }
}

/// The image tokens of a drawn picture.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnTokens {
    /// Which of the drawn images.
    pub number: u32,
    /// grid * grid ids in raster order.
    pub tokens: Vec<i32>,
    /// Mean of exp(cross-entropy) of the ids after the first; lower is better.
    pub ppl: f64,
}

impl Transformer {
    /// Draws images, which come in the order of their numbers. `text`: the model's `text_length` ids, as from
    /// [`Tokenizer::encode_for_transformer`](crate::Tokenizer::encode_for_transformer). An image depends on text,
    /// sampling, forced ids, seed and number alone.
    pub fn draw(&self, text: &[i32], options: &DrawOptions) -> Result<Vec<DrawnTokens>> {
        let mut call = Call::new(options.on_progress);
        call.tokens = options.on_preview;
        let mut c = init_sized(sys::kandinsky_draw_options_init_sized);
        c.images = inputs::number("images", options.images)?;
        c.first_number = inputs::number("first_number", options.first_number)?;
        c.batch = inputs::number("batch", options.batch)?;
        c.seed = options.seed;
        c.temperature = options.temperature;
        c.top_k = inputs::number("top_k", options.top_k)?;
        c.top_p = options.top_p;
        c.greedy = options.greedy.into();
        if let Some(forced) = options.forced {
            c.forced = forced.as_ptr();
            c.forced_count = forced.len();
        }
        c.progress = call.on_progress();
        c.progress_user = call.user();
        c.preview = call.on_tokens();
        c.preview_user = call.user();
        c.preview_every = inputs::number("preview_every", options.preview_every)?;
        c.cancel = Cancel::pointer(options.cancel);
        // SAFETY: handle, slices, call and cancel are alive during the call.
        let drawn = Handle::make(sys::kandinsky_drawn_release, |drawn, error| unsafe {
            sys::kandinsky_transformer_draw(self.handle.get(), text.as_ptr(), text.len(), &c, drawn, error)
        });
        let drawn = call.end(drawn)?;
        // SAFETY: the handle is alive, and the index within.
        let count = unsafe { sys::kandinsky_drawn_count(drawn.get()) };
        let list = (0..count).map(|index| unsafe {
            let mut length = 0;
            let tokens = sys::kandinsky_drawn_tokens(drawn.get(), index, &mut length);
            DrawnTokens {
                number: sys::kandinsky_drawn_number(drawn.get(), index) as u32,
                tokens: copied(tokens, length),
                ppl: sys::kandinsky_drawn_ppl(drawn.get(), index),
            }
        });
        Ok(list.collect())
    }
}
