using System;
using System.Runtime.InteropServices;

namespace Kandinsky.Native
{
    // The part of kandinsky.h that computes nothing: tokenizers and checkpoint files.
    static partial class Api
    {
        // Tokenizer.
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_load(byte[] path, out TokenizerHandle tokenizer, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_load_memory(byte[] bytes, UIntPtr size, byte[] name,
                                                                 out TokenizerHandle tokenizer, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_vocab_size(TokenizerHandle tokenizer);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_encode(TokenizerHandle tokenizer, byte[] text, int[] ids, UIntPtr capacity,
                                                            out UIntPtr count, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_encode_for_transformer(TokenizerHandle tokenizer, byte[] text, int[] ids,
                                                                            UIntPtr length, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_encode_for_ruclip(TokenizerHandle tokenizer, byte[] text, int[] ids,
                                                                       UIntPtr length, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_decode(TokenizerHandle tokenizer, int[] ids, UIntPtr count,
                                                            out BufferHandle text, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_encode_batch(TokenizerHandle tokenizer, IntPtr[] texts, UIntPtr text_count, int threads,
                                                                  out TokenListsHandle lists, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_token_lists_count(TokenListsHandle lists);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_token_lists_ids(TokenListsHandle lists, UIntPtr index, out UIntPtr count);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_token_lists_release(IntPtr lists);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_encode_with_dropout(TokenizerHandle tokenizer, byte[] text, double probability,
                                                                         ulong seed, int[] ids, UIntPtr capacity, out UIntPtr count,
                                                                         out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_id_to_piece(TokenizerHandle tokenizer, int id, out BufferHandle piece,
                                                                 out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_piece_to_id(TokenizerHandle tokenizer, byte[] piece, out int id,
                                                                 out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_pad_id(TokenizerHandle tokenizer);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_unk_id(TokenizerHandle tokenizer);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_bos_id(TokenizerHandle tokenizer);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_tokenizer_eos_id(TokenizerHandle tokenizer);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_tokenizer_kind(TokenizerHandle tokenizer);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_tokenizer_release(IntPtr tokenizer);

        // Checkpoint files.
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_checkpoint_open(byte[] path, out CheckpointHandle checkpoint, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_checkpoint_open_memory(IntPtr bytes, UIntPtr size, byte[] name,
                                                                  out CheckpointHandle checkpoint, out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_checkpoint_format(CheckpointHandle checkpoint);
        [DllImport(Library, CallingConvention = C)]
        public static extern UIntPtr kandinsky_checkpoint_count(CheckpointHandle checkpoint);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_checkpoint_name(CheckpointHandle checkpoint, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_checkpoint_dtype(CheckpointHandle checkpoint, UIntPtr index);
        [DllImport(Library, CallingConvention = C)]
        public static extern IntPtr kandinsky_checkpoint_shape(CheckpointHandle checkpoint, UIntPtr index, out UIntPtr dimensions);
        [DllImport(Library, CallingConvention = C)]
        public static extern int kandinsky_checkpoint_read(CheckpointHandle checkpoint, UIntPtr index, out BufferHandle bytes,
                                                           out kandinsky_error error);
        [DllImport(Library, CallingConvention = C)]
        public static extern void kandinsky_checkpoint_release(IntPtr checkpoint);
    }
}
