using System;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>
    /// A YouTokenToMe or SentencePiece model, detected by content. Never changes: any number of threads may use it.
    /// </summary>
    public sealed class Tokenizer : IDisposable
    {
        internal readonly TokenizerHandle Handle;

        internal Tokenizer(TokenizerHandle handle) { Handle = handle; }

        public static Tokenizer Load(string path)
        {
            var bytes = Utf8.Bytes(path, nameof(path));
            Library.CheckAbi();
            Status.Check(Api.kandinsky_tokenizer_load(bytes, out var handle, out var error), error);
            return new Tokenizer(handle);
        }

        /// <param name="name">Stands for the path in messages.</param>
        public static Tokenizer LoadMemory(byte[] bytes, string name = null)
        {
            if (bytes == null) throw new ArgumentNullException(nameof(bytes));
            Library.CheckAbi();
            Status.Check(Api.kandinsky_tokenizer_load_memory(bytes, Status.Size(bytes), Utf8.BytesOrNull(name, nameof(name)),
                                                             out var handle, out var error), error);
            return new Tokenizer(handle);
        }

        public int VocabSize => Api.kandinsky_tokenizer_vocab_size(Handle);

        /// <summary>Ids of the text as it is.</summary>
        public int[] Encode(string text)
        {
            var bytes = Utf8.Bytes(text, nameof(text));
            return Status.Values((int[] ids, UIntPtr capacity, out UIntPtr count, out kandinsky_error error) =>
                Api.kandinsky_tokenizer_encode(Handle, bytes, ids, capacity, out count, out error));
        }

        /// <summary>The transformer's input: lower-cased, stripped, with bos and eos, cut or padded.</summary>
        /// <param name="length">The model's TextLength.</param>
        public int[] EncodeForTransformer(string text, int length)
        {
            var ids = NewIds(length);
            Status.Check(Api.kandinsky_tokenizer_encode_for_transformer(Handle, Utf8.Bytes(text, nameof(text)), ids,
                                                                        Status.Size(ids), out var error), error);
            return ids;
        }

        /// <summary>ruCLIP's input.</summary>
        /// <param name="length">Its context_length.</param>
        public int[] EncodeForRuClip(string text, int length)
        {
            var ids = NewIds(length);
            Status.Check(Api.kandinsky_tokenizer_encode_for_ruclip(Handle, Utf8.Bytes(text, nameof(text)), ids,
                                                                   Status.Size(ids), out var error), error);
            return ids;
        }

        /// <summary>The text of the ids, without pad, unknown, bos and eos.</summary>
        public string Decode(int[] ids)
        {
            if (ids == null) throw new ArgumentNullException(nameof(ids));
            Status.Check(Api.kandinsky_tokenizer_decode(Handle, ids, Status.Size(ids), out var text, out var error), error);
            using (text) return System.Text.Encoding.UTF8.GetString(text.ToArray());
        }

        public void Dispose() => Handle.Dispose();

        static int[] NewIds(int length)
        {
            if (length < 0) throw new ArgumentOutOfRangeException(nameof(length), length, "Expected 0 or more.");
            return new int[length];
        }
    }
}
