using System;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using System.Threading;
using AOT;

namespace Kandinsky.Native
{
    // One call that reports and can be cancelled. The library gets static functions, which live as long as the program
    // (and which IL2CPP can compile), and a GCHandle to this object as their `user`. What the caller's code throws in a
    // callback stops the call and is thrown again once the library has returned.
    sealed class Call : IDisposable
    {
        static readonly Api.ProgressCallback ProgressFunction = OnProgress;
        static readonly Api.PreviewCallback PreviewFunction = OnPreview;
        static readonly Api.TokensCallback TokensFunction = OnTokens;
        static readonly Api.PictureCallback PictureFunction = OnPicture;
        static readonly Api.LogCallback LogFunction = OnLog;
        static readonly IntPtr ProgressPointer = Marshal.GetFunctionPointerForDelegate(ProgressFunction);
        static readonly IntPtr PreviewPointer = Marshal.GetFunctionPointerForDelegate(PreviewFunction);
        static readonly IntPtr TokensPointer = Marshal.GetFunctionPointerForDelegate(TokensFunction);
        static readonly IntPtr PicturePointer = Marshal.GetFunctionPointerForDelegate(PictureFunction);
        static readonly IntPtr LogPointer = Marshal.GetFunctionPointerForDelegate(LogFunction);

        readonly IProgress<Progress> progress;
        readonly Action<LogLevel, string> log;
        readonly CancellationToken token;
        readonly CancellationTokenRegistration registration;
        readonly CancelHandle cancel;
        GCHandle self;
        ExceptionDispatchInfo thrown;

        public readonly Lent Lent = new Lent();

        public Call(IProgress<Progress> progress, CancellationToken token)
        {
            token.ThrowIfCancellationRequested();
            this.progress = progress;
            this.token = token;
            if (token.CanBeCanceled)
            {
                Status.Check(Api.kandinsky_cancel_new(out cancel, out var error), error);
                registration = token.Register(Trigger, cancel, false);
            }
            self = GCHandle.Alloc(this);
        }

        public Call(Action<LogLevel, string> log)
        {
            this.log = log;
            self = GCHandle.Alloc(this);
        }

        // Set before the call, by those that have them.
        public IProgress<Preview> Previews { private get; set; }
        public IProgress<TokensPreview> TokenPreviews { private get; set; }
        public IProgress<Picture> Pictures { private get; set; }

        public IntPtr User => GCHandle.ToIntPtr(self);
        public IntPtr Progress => progress == null ? IntPtr.Zero : ProgressPointer;
        public IntPtr Preview => Previews == null ? IntPtr.Zero : PreviewPointer;
        public IntPtr Tokens => TokenPreviews == null ? IntPtr.Zero : TokensPointer;
        public IntPtr Picture => Pictures == null ? IntPtr.Zero : PicturePointer;
        public IntPtr Log => log == null ? IntPtr.Zero : LogPointer;
        public IntPtr Cancel => Lent.Handle(cancel);

        // After the library's function has returned.
        public void Check(int status, kandinsky_error error)
        {
            thrown?.Throw();
            if (status == (int)ErrorCode.Cancelled && token.IsCancellationRequested)
                throw new OperationCanceledException(Utf8.Read(error.message), token);
            Status.Check(status, error);
        }

        public void Dispose()
        {
            // Waits for a Trigger that runs on another thread.
            registration.Dispose();
            Lent.Dispose();
            cancel?.Dispose();
            if (self.IsAllocated) self.Free();
        }

        static void Trigger(object cancel) => Api.kandinsky_cancel_trigger((CancelHandle)cancel);

        static Call Of(IntPtr user) => (Call)GCHandle.FromIntPtr(user).Target;

        // Nothing may unwind through the library's frames.
        int Report(Action report)
        {
            if (thrown != null) return 1;
            try
            {
                report();
                return 0;
            }
            catch (Exception exception)
            {
                thrown = ExceptionDispatchInfo.Capture(exception);
                return 1;
            }
        }

        [MonoPInvokeCallback(typeof(Api.ProgressCallback))]
        static int OnProgress(IntPtr user, IntPtr given)
        {
            var call = Of(user);
            return call.Report(() =>
            {
                var native = (kandinsky_progress)Marshal.PtrToStructure(given, typeof(kandinsky_progress));
                call.progress.Report(new Progress((Stage)native.stage, native.step, native.steps, native.images,
                                                  native.number));
            });
        }

        [MonoPInvokeCallback(typeof(Api.PreviewCallback))]
        static int OnPreview(IntPtr user, int number, int tokens, IntPtr image)
        {
            var call = Of(user);
            return call.Report(() => call.Previews.Report(new Preview(number, tokens, Image.Copy(image))));
        }

        [MonoPInvokeCallback(typeof(Api.TokensCallback))]
        static int OnTokens(IntPtr user, int number, IntPtr tokens, UIntPtr count)
        {
            var call = Of(user);
            return call.Report(() => call.TokenPreviews.Report(new TokensPreview(number, Status.Ints(tokens, count))));
        }

        [MonoPInvokeCallback(typeof(Api.PictureCallback))]
        static int OnPicture(IntPtr user, IntPtr given)
        {
            var call = Of(user);
            return call.Report(() =>
            {
                foreach (var picture in Kandinsky.Picture.Copy(given)) call.Pictures.Report(picture);
            });
        }

        [MonoPInvokeCallback(typeof(Api.LogCallback))]
        static void OnLog(IntPtr user, int level, IntPtr message)
        {
            var call = Of(user);
            call.Report(() => { call.log((LogLevel)level, Utf8.Read(message)); });
        }
    }
}
