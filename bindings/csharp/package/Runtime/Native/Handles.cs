using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    // One kind of handle for each opaque type of kandinsky.h. A handle that is disposed of while another thread's call
    // uses it is released when that call ends; one that is forgotten, when it is collected.
    abstract class Handle : SafeHandle
    {
        protected Handle() : base(IntPtr.Zero, true) { }
        public override bool IsInvalid => handle == IntPtr.Zero;
    }

    // Of what may read bytes of the caller's until it is released.
    abstract class ModelHandle : Handle
    {
        readonly List<Pin> pins = new List<Pin>();

        public void Keep(Pin pin) => pins.Add(pin);

        // For a model that is a part of this one, or of which this one is: it reads the same bytes. The other one must not
        // be released meanwhile.
        public void KeepWhatIsKeptBy(ModelHandle other)
        {
            foreach (var pin in other.pins) pins.Add(pin.Share());
        }

        protected sealed override bool ReleaseHandle()
        {
            Release(handle);
            foreach (var pin in pins) pin.Release();
            return true;
        }

        protected abstract void Release(IntPtr model);
    }

    sealed class TokenizerHandle : ModelHandle
    {
        protected override void Release(IntPtr model) => Api.kandinsky_tokenizer_release(model);
    }

    sealed class TransformerHandle : ModelHandle
    {
        protected override void Release(IntPtr model) => Api.kandinsky_transformer_release(model);
    }

    sealed class VqganHandle : ModelHandle
    {
        protected override void Release(IntPtr model) => Api.kandinsky_vqgan_release(model);
    }

    sealed class RuClipHandle : ModelHandle
    {
        protected override void Release(IntPtr model) => Api.kandinsky_ruclip_release(model);
    }

    sealed class RealEsrganHandle : ModelHandle
    {
        protected override void Release(IntPtr model) => Api.kandinsky_real_esrgan_release(model);
    }

    sealed class PipelineHandle : ModelHandle
    {
        protected override void Release(IntPtr model) => Api.kandinsky_pipeline_release(model);
    }

    sealed class CheckpointHandle : ModelHandle
    {
        protected override void Release(IntPtr checkpoint) => Api.kandinsky_checkpoint_release(checkpoint);
    }

    sealed class DevicesHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_devices_release(handle); return true; }
    }

    sealed class CancelHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_cancel_release(handle); return true; }
    }

    sealed class BufferHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_buffer_release(handle); return true; }

        public byte[] ToArray()
        {
            var bytes = new byte[checked((int)Api.kandinsky_buffer_size(this))];
            if (bytes.Length > 0) Marshal.Copy(Api.kandinsky_buffer_data(this), bytes, 0, bytes.Length);
            GC.KeepAlive(this);
            return bytes;
        }
    }

    sealed class ImageHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_image_release(handle); return true; }
    }

    sealed class ImagesHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_images_release(handle); return true; }
    }

    sealed class TokenListsHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_token_lists_release(handle); return true; }
    }

    sealed class DrawnHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_drawn_release(handle); return true; }
    }

    sealed class PicturesHandle : Handle
    {
        protected override bool ReleaseHandle() { Api.kandinsky_pictures_release(handle); return true; }
    }
}
