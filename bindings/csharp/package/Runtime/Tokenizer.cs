using System;
using System.Collections.Generic;
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
        public int PadId => Api.kandinsky_tokenizer_pad_id(Handle);
        public int UnkId => Api.kandinsky_tokenizer_unk_id(Handle);
        public int BosId => Api.kandinsky_tokenizer_bos_id(Handle);
        public int EosId => Api.kandinsky_tokenizer_eos_id(Handle);

        /// <summary>"yttm" or "sentencepiece".</summary>
        public string Kind => Utf8.Read(Api.kandinsky_tokenizer_kind(Handle));

        /// <summary>Ids of the text as it is.</summary>
        public int[] Encode(string text)
        {
            var bytes = Utf8.Bytes(text, nameof(text));
            return Status.Values((int[] ids, UIntPtr capacity, out UIntPtr count, out kandinsky_error error) =>
                Api.kandinsky_tokenizer_encode(Handle, bytes, ids, capacity, out count, out error));
        }

        /// <summary>Encode of every text, in order.</summary>
        /// <param name="threads">To work on, 0..1024; 0 is one a core.</param>
        public IReadOnlyList<int[]> EncodeBatch(IList<string> texts, int threads = 0)
        {
            using (var lent = new Lent())
            {
                var given = lent.Texts(texts, nameof(texts));
                Status.Check(Api.kandinsky_tokenizer_encode_batch(Handle, given, Status.Size(given), threads, out var list,
                                                                  out var error), error);
                using (list)
                {
                    var ids = new int[checked((int)Api.kandinsky_token_lists_count(list))][];
                    for (var i = 0; i < ids.Length; ++i)
                    {
                        var values = Api.kandinsky_token_lists_ids(list, (UIntPtr)(uint)i, out var count);
                        ids[i] = Status.Ints(values, count);
                    }
                    return ids;
                }
            }
        }

        /// <summary>BPE dropout (for training): every candidate merge is skipped with `probability`.</summary>
        /// <param name="probability">0..1</param>
        /// <param name="seed">The same one gives the same ids.</param>
        /// <exception cref="KandinskyException">Unsupported: a SentencePiece model.</exception>
        public int[] EncodeWithDropout(string text, double probability, ulong seed = 0)
        {
            var bytes = Utf8.Bytes(text, nameof(text));
            return Status.Values((int[] ids, UIntPtr capacity, out UIntPtr count, out kandinsky_error error) =>
                Api.kandinsky_tokenizer_encode_with_dropout(Handle, bytes, probability, seed, ids, capacity, out count, out error));
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
            return Utf8.Take(text);
        }

        /// <summary>The subword of an id, with U+2581 for a word's start.</summary>
        public string IdToPiece(int id)
        {
            Status.Check(Api.kandinsky_tokenizer_id_to_piece(Handle, id, out var piece, out var error), error);
            return Utf8.Take(piece);
        }

        /// <summary>The id of a subword; UnkId if there is no such piece.</summary>
        public int PieceToId(string piece)
        {
            Status.Check(Api.kandinsky_tokenizer_piece_to_id(Handle, Utf8.Bytes(piece, nameof(piece)), out var id, out var error),
                         error);
            return id;
        }

        public void Dispose() => Handle.Dispose();

        static int[] NewIds(int length)
        {
            if (length < 0) throw new ArgumentOutOfRangeException(nameof(length), length, "Expected 0 or more.");
            return new int[length];
        }
    }
}
