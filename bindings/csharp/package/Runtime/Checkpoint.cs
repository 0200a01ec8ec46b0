using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>A tensor of a checkpoint file: what its directory tells.</summary>
    public sealed class TensorInfo
    {
        internal TensorInfo(int index, string name, string dtype, long[] shape)
        {
            Index = index;
            Name = name;
            Dtype = dtype;
            Shape = shape;
        }

        internal int Index { get; }
        /// <summary>Dictionary keys and list indices joined by '/'.</summary>
        public string Name { get; }
        /// <summary>"float16", "int64" ...</summary>
        public string Dtype { get; }
        /// <summary>Empty for a scalar.</summary>
        public IReadOnlyList<long> Shape { get; }

        public override string ToString() => Name + " " + Dtype + " [" + string.Join(", ", Shape) + "]";
    }

    /// <summary>
    /// A torch.save file (zip or legacy), Lightning .ckpt, .pth, or safetensors, detected by content. The file is
    /// memory-mapped; nothing in it is executed. Any number of threads may read one.
    /// </summary>
    public sealed class Checkpoint : IDisposable
    {
        readonly CheckpointHandle handle;

        Checkpoint(CheckpointHandle handle)
        {
            this.handle = handle;
            Format = Utf8.Read(Api.kandinsky_checkpoint_format(handle));
            var tensors = new TensorInfo[checked((int)Api.kandinsky_checkpoint_count(handle))];
            for (var i = 0; i < tensors.Length; ++i)
            {
                var index = (UIntPtr)(uint)i;
                var sizes = Api.kandinsky_checkpoint_shape(handle, index, out var dimensions);
                var shape = new long[checked((int)dimensions)];
                if (shape.Length > 0) Marshal.Copy(sizes, shape, 0, shape.Length);
                tensors[i] = new TensorInfo(i, Utf8.Read(Api.kandinsky_checkpoint_name(handle, index)),
                                            Utf8.Read(Api.kandinsky_checkpoint_dtype(handle, index)), shape);
            }
            Tensors = tensors;
        }

        /// <exception cref="KandinskyException">The file is missing or damaged.</exception>
        public static Checkpoint Open(string path)
        {
            var bytes = Utf8.Bytes(path, nameof(path));
            Library.CheckAbi();
            Status.Check(Api.kandinsky_checkpoint_open(bytes, out var opened, out var error), error);
            return new Checkpoint(opened);
        }

        /// <param name="bytes">Stay pinned as long as the checkpoint is open; must not change meanwhile.</param>
        /// <param name="name">Stands for the path in messages.</param>
        public static Checkpoint OpenMemory(byte[] bytes, string name = null)
        {
            if (bytes == null) throw new ArgumentNullException(nameof(bytes));
            return new Checkpoint(Models.Pinned(bytes, address => OpenAt(address, (ulong)bytes.LongLength, name)));
        }

        /// <param name="bytes">Must stay as they are until the checkpoint is disposed of.</param>
        public static Checkpoint OpenMemory(IntPtr bytes, ulong size, string name = null) =>
            new Checkpoint(OpenAt(bytes, size, name));

        /// <summary>"torch-zip", "torch-legacy" or "safetensors".</summary>
        public string Format { get; }

        /// <summary>In the order of the file.</summary>
        public IReadOnlyList<TensorInfo> Tensors { get; }

        /// <summary>The elements in row-major order, little-endian.</summary>
        /// <param name="tensor">One of Tensors.</param>
        public byte[] Read(TensorInfo tensor)
        {
            if (tensor == null) throw new ArgumentNullException(nameof(tensor));
            if (tensor.Index >= Tensors.Count || Tensors[tensor.Index] != tensor)
                throw new ArgumentException("The tensor " + tensor.Name + " is of another checkpoint.", nameof(tensor));
            Status.Check(Api.kandinsky_checkpoint_read(handle, (UIntPtr)(uint)tensor.Index, out var buffer, out var error), error);
            using (buffer) return buffer.ToArray();
        }

        public void Dispose() => handle.Dispose();

        static CheckpointHandle OpenAt(IntPtr bytes, ulong size, string name)
        {
            var called = Utf8.BytesOrNull(name, nameof(name));
            Library.CheckAbi();
            Status.Check(Api.kandinsky_checkpoint_open_memory(bytes, (UIntPtr)size, called, out var opened, out var error), error);
            return opened;
        }
    }
}
