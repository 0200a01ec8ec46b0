using System;
using System.Collections.Generic;
using Kandinsky.Native;

namespace Kandinsky
{
    /// <summary>A place to compute: the CPU or a GPU.</summary>
    public sealed class Device
    {
        internal Device(string name, string description, ulong memoryTotal, ulong memoryFree)
        {
            Name = name;
            Description = description;
            MemoryTotal = memoryTotal;
            MemoryFree = memoryFree;
        }

        /// <summary>"cpu", "cuda:0" ...: what ComputeOptions.Device takes.</summary>
        public string Name { get; }
        public string Description { get; }
        /// <summary>In bytes.</summary>
        public ulong MemoryTotal { get; }
        /// <summary>In bytes, when the list was made.</summary>
        public ulong MemoryFree { get; }

        public override string ToString() => Name + " (" + Description + ")";
    }

    /// <summary>The native library that is loaded. Safe from any thread.</summary>
    public static class Library
    {
        /// <summary>The version of the header that this assembly was written for.</summary>
        public const int AbiVersion = 0;

        /// <summary>For example "0.1.0".</summary>
        public static string Version => Utf8.Read(Api.kandinsky_version());

        /// <summary>The LibTorch that the library was built with, for example "2.11.0".</summary>
        public static string TorchVersion => Utf8.Read(Api.kandinsky_torch_version());

        /// <summary>The version of the C interface of the library that is loaded.</summary>
        public static int NativeAbiVersion => Api.kandinsky_abi_version();

        /// <summary>A text like "invalid argument".</summary>
        public static string Describe(ErrorCode code) => Utf8.Read(Api.kandinsky_status_name((int)code));

        /// <summary>The CPU, then every usable CUDA device.</summary>
        public static IReadOnlyList<Device> Devices()
        {
            Status.Check(Api.kandinsky_devices_list(out var list, out var error), error);
            using (list)
            {
                var devices = new Device[checked((int)Api.kandinsky_devices_count(list))];
                for (var i = 0; i < devices.Length; ++i)
                {
                    var index = (UIntPtr)(uint)i;
                    devices[i] = new Device(Utf8.Read(Api.kandinsky_devices_name(list, index)),
                                            Utf8.Read(Api.kandinsky_devices_description(list, index)),
                                            Api.kandinsky_devices_memory_total(list, index),
                                            Api.kandinsky_devices_memory_free(list, index));
                }
                return devices;
            }
        }

        // Once, before the first model is loaded: a library of another interface would read our structs wrongly.
        internal static void CheckAbi()
        {
            if (NativeAbiVersion != AbiVersion)
                throw new KandinskyException(ErrorCode.Unsupported,
                    "libkandinsky " + Version + " has C interface " + NativeAbiVersion + ", but this assembly was written for " +
                    AbiVersion, "libkandinsky");
        }
    }
}
