using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Kandinsky.Native;

namespace Kandinsky.Tests
{
    // The C# declarations against kandinsky.h, as the C compiler sees it.
    static class HeaderTest
    {
        static string[][] Lines(string kind) =>
            File.ReadLines(Program.Layout).Select(line => line.Split(' ')).Where(words => words[0] == kind).ToArray();

        static Type[] Structs() => typeof(Api).Assembly.GetTypes()
            .Where(type => type.Namespace == "Kandinsky.Native" && type.IsValueType && type.Name.StartsWith("kandinsky_")).ToArray();

        static int SizeOf(FieldInfo field)
        {
            var marshal = field.GetCustomAttribute<MarshalAsAttribute>();
            return marshal != null && marshal.Value == UnmanagedType.ByValArray ? marshal.SizeConst
                                                                                : Marshal.SizeOf(field.FieldType);
        }

        [Test]
        static void Structs_AreLaidOutAsInC()
        {
            var expected = Lines("size").ToDictionary(words => words[1], words => int.Parse(words[2]));
            Check.That(expected.Count >= 10);
            Check.Same(expected.Keys.OrderBy(name => name, StringComparer.Ordinal),
                       Structs().Select(type => type.Name).OrderBy(name => name, StringComparer.Ordinal));
            foreach (var type in Structs()) Check.Equal(type.Name + " " + expected[type.Name], type.Name + " " + Marshal.SizeOf(type));

            var inC = new HashSet<string>(Lines("field").Select(words => string.Join(" ", words.Skip(1))));
            var inCSharp = new HashSet<string>(
                from type in Structs()
                from field in type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
                select type.Name + "." + field.Name + " " + Marshal.OffsetOf(type, field.Name) + " " + SizeOf(field));
            Check.Equal("", string.Join(", ", inC.Except(inCSharp)));
            Check.Equal("", string.Join(", ", inCSharp.Except(inC)));
        }

        static string HeaderWithoutComments() =>
            Regex.Replace(Regex.Replace(File.ReadAllText(Program.Header), @"/\*.*?\*/", "", RegexOptions.Singleline), "^#.*$", "",
                          RegexOptions.Multiline);

        [Test]
        static void Layout_KnowsEveryFieldOfTheHeader()
        {
            var listed = new HashSet<string>(Lines("field").Select(words => words[1]));
            var found = new HashSet<string>();
            foreach (Match body in Regex.Matches(HeaderWithoutComments(), @"typedef struct (\w+) \{(.*?)\}", RegexOptions.Singleline))
                foreach (var declaration in body.Groups[2].Value.Split(';'))
                    foreach (var name in declaration.Split(','))
                    {
                        var field = Regex.Match(name, @"(\w+)(\[\d+\])?\s*$");
                        if (field.Success) found.Add(body.Groups[1].Value + "." + field.Groups[1].Value);
                    }
            Check.Equal("", string.Join(", ", found.Except(listed)));
            Check.Equal("", string.Join(", ", listed.Except(found)));
        }

        [Test]
        static void Functions_AreAllDeclared()
        {
            var inC = new HashSet<string>(from Match match in Regex.Matches(HeaderWithoutComments(), @"KANDINSKY_C_API[^;(]*?(\w+)\(")
                                          select match.Groups[1].Value);
            Check.That(inC.Count > 80);
            // A macro stands for the function of a struct's first version, which would leave the later fields of ours unset.
            var header = File.ReadAllText(Program.Header);
            foreach (Match macro in Regex.Matches(header, @"^#define (kandinsky_\w+)\(", RegexOptions.Multiline))
            {
                Check.That(inC.Contains(macro.Groups[1].Value + "_sized"), macro.Value);
                inC.Remove(macro.Groups[1].Value);
            }
            var inCSharp = new HashSet<string>(from method in typeof(Api).GetMethods(BindingFlags.Static | BindingFlags.Public)
                                               where method.GetCustomAttribute<DllImportAttribute>() != null
                                               select method.Name);
            Check.Equal("", string.Join(", ", inC.Except(inCSharp)));
            Check.Equal("", string.Join(", ", inCSharp.Except(inC)));
        }

        [Test]
        static void Functions_AreAllInTheLibrary()
        {
            var library = dlopen("libkandinsky.so", 2);
            Check.That(library != IntPtr.Zero, "the library is found");
            foreach (var method in typeof(Api).GetMethods(BindingFlags.Static | BindingFlags.Public))
                if (method.GetCustomAttribute<DllImportAttribute>() != null)
                    Check.That(dlsym(library, method.Name) != IntPtr.Zero, method.Name);
        }

        [DllImport("libdl.so.2")]
        static extern IntPtr dlopen(string name, int flags);
        [DllImport("libdl.so.2")]
        static extern IntPtr dlsym(IntPtr library, string name);

        [Test]
        static void Constants_AreThoseOfC()
        {
            var inC = Lines("constant").ToDictionary(words => words[1], words => int.Parse(words[2]));
            Check.Equal(inC["KANDINSKY_C_ABI_VERSION"], Library.AbiVersion);
            Check.Equal(0, inC["KANDINSKY_OK"]);
            Check.Equal(0, inC["KANDINSKY_FORMAT_PNG"]);
            Check.Equal(1, inC["KANDINSKY_FORMAT_JPEG"]);
            Compare<ErrorCode>("KANDINSKY_", inC);
            Compare<Stage>("KANDINSKY_STAGE_", inC);
            Compare<LogLevel>("KANDINSKY_LOG_", inC);
            Compare<Dtype>("KANDINSKY_PRECISION_", inC);
        }

        static void Compare<T>(string prefix, IDictionary<string, int> inC)
        {
            foreach (var name in Enum.GetNames(typeof(T)))
            {
                var key = prefix + Regex.Replace(name, "(?<=[a-z])(?=[A-Z])", "_").ToUpperInvariant();
                Check.That(inC.ContainsKey(key), key);
                Check.Equal(key + " " + inC[key], key + " " + Convert.ToInt32(Enum.Parse(typeof(T), name)));
            }
        }

        // A new options object asks for what C's _init functions ask for.
        [Test]
        static void Defaults_AreThoseOfC()
        {
            using (var call = new Call(null, default(System.Threading.CancellationToken)))
            {
                Api.kandinsky_generate_options_init_sized(out var generate, Size("kandinsky_generate_options"));
                Check.Equal(Size("kandinsky_generate_options"), generate.struct_size);
                SameFields(generate, new GenerateOptions().ToNative(call));
                Api.kandinsky_draw_options_init_sized(out var draw, Size("kandinsky_draw_options"));
                Check.Equal(Size("kandinsky_draw_options"), draw.struct_size);
                SameFields(draw, new DrawOptions().ToNative(call));
                Api.kandinsky_upscale_options_init(out var upscale);
                SameFields(upscale, new UpscaleOptions().ToNative(call));
                Api.kandinsky_pipeline_options_init(out var pipeline);
                var given = new PipelineOptions().ToNative(call);
                SameFields(pipeline, given);
                SameFields(pipeline.compute, given.compute);
                Check.Equal("auto", Utf8.Read(given.compute.device));
            }
        }

        // As the C compiler counts it.
        static UIntPtr Size(string type) => (UIntPtr)uint.Parse(Lines("size").Single(words => words[1] == type)[2]);

        static void SameFields<T>(T expected, T actual) where T : struct
        {
            foreach (var field in typeof(T).GetFields())
                if (field.FieldType != typeof(kandinsky_compute_options) && !field.Name.EndsWith("user") && field.Name != "device")
                    Check.Equal(field.Name + " " + field.GetValue(expected), field.Name + " " + field.GetValue(actual));
        }
    }
}
