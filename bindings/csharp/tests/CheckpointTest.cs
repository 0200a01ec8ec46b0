using System;
using System.IO;
using System.Linq;

namespace Kandinsky.Tests
{
    static class CheckpointTest
    {
        // One tensor "сердце/ось" of two fp32 values, and a scalar.
        static byte[] Safetensors()
        {
            const string json = "{\"сердце/ось\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]}," +
                                "\"шаг\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[8,16]}}";
            var header = System.Text.Encoding.UTF8.GetBytes(json);
            return BitConverter.GetBytes((long)header.Length).Concat(header).Concat(BitConverter.GetBytes(1.5f))
                .Concat(BitConverter.GetBytes(-2f)).Concat(BitConverter.GetBytes(77L)).ToArray();
        }

        static void LooksRight(Checkpoint checkpoint)
        {
            Check.Equal("safetensors", checkpoint.Format);
            Check.Equal(2, checkpoint.Tensors.Count);
            var axis = checkpoint.Tensors.Single(tensor => tensor.Name == "сердце/ось");
            Check.Equal("сердце/ось float32 [1, 2]", axis.ToString());
            var bytes = checkpoint.Read(axis);
            Check.Equal(8, bytes.Length);
            Check.Equal(-2f, BitConverter.ToSingle(bytes, 4));
            var step = checkpoint.Tensors.Single(tensor => tensor.Name == "шаг");
            Check.Equal("int64", step.Dtype);
            Check.Equal(0, step.Shape.Count);
            Check.Equal(77L, BitConverter.ToInt64(checkpoint.Read(step), 0));
        }

        [Test]
        static void Safetensors_FromFileAndMemory()
        {
            var path = Path.Combine(Program.Folder, "сердце.safetensors");
            File.WriteAllBytes(path, Safetensors());
            using (var file = Checkpoint.Open(path))
            using (var memory = Checkpoint.OpenMemory(Safetensors(), "память"))
            {
                GC.Collect();
                LooksRight(file);
                LooksRight(memory);
                Check.Equal("tensor", Check.Throws<ArgumentException>(() => file.Read(memory.Tensors[0])).ParamName);
                Check.Throws<ArgumentNullException>(() => file.Read(null));
                file.Dispose();
                Check.Throws<ObjectDisposedException>(() => file.Read(file.Tensors[0]));
            }
        }

        [Test]
        static void Torch_HoldsTheModelsParameters()
        {
            using (var checkpoint = Checkpoint.Open(Path.Combine(Program.Nano, "rudalle_kandinsky.bin")))
            using (var transformer = Shared.Pipeline.Transformer())
            {
                Check.That(checkpoint.Format.StartsWith("torch-"), checkpoint.Format);
                var elements = checkpoint.Tensors.Sum(tensor => tensor.Shape.Aggregate(1L, (product, size) => product * size));
                Check.That(elements >= transformer.ParameterCount, elements + " elements");
                var first = checkpoint.Tensors.First(tensor => tensor.Shape.Count == 2);
                Check.Equal(first.Shape[0] * first.Shape[1] * (first.Dtype == "float16" ? 2 : 4), checkpoint.Read(first).LongLength);
            }
        }

        [Test]
        static void WrongFiles_AreNamed()
        {
            Check.Refuses(ErrorCode.NotFound, "нет/файла.pth", () => Checkpoint.Open("нет/файла.pth"));
            Check.Refuses(ErrorCode.BadFile, "мусор", () => Checkpoint.OpenMemory(new byte[50], "мусор"));
            Check.Throws<ArgumentNullException>(() => Checkpoint.Open(null));
            Check.Throws<ArgumentNullException>(() => Checkpoint.OpenMemory(null));
        }
    }
}
