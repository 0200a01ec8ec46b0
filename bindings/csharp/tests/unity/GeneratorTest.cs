using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Threading;
using Kandinsky.Unity;
using UnityEngine;

namespace Kandinsky.Tests
{
    // The component, driven like Unity drives it.
    static class GeneratorTest
    {
        static KandinskyGenerator New()
        {
            Application.Assets = Path.Combine(Program.Source, "models");
            return new KandinskyGenerator { device = "cpu", threads = 1, images = 2, seed = 7, superResolution = false };
        }

        static void RunUntil(KandinskyGenerator generator, Func<bool> done)
        {
            for (var frame = 0; !done(); ++frame)
            {
                Check.That(frame < 12000, "within two minutes");
                generator.Send("Update");
                Thread.Sleep(10);
            }
        }

        [Test]
        static void Generate_GivesTexturesOnTheMainThread()
        {
            var generator = New();
            generator.previewEvery = 16;
            var fractions = new List<float>();
            var previews = new HashSet<Texture2D>();
            Texture2D best = null;
            generator.onProgress.AddListener(fractions.Add);
            generator.onPreview.AddListener(texture => previews.Add(texture));
            generator.onFinished.AddListener(texture => best = texture);
            generator.onFailed.AddListener(message => throw new InvalidOperationException(message));
            generator.Generate();
            Check.That(generator.IsGenerating);
            Check.Throws<InvalidOperationException>(generator.Generate);
            Check.Throws<InvalidOperationException>(() => generator.Pipeline = null);
            RunUntil(generator, () => !generator.IsGenerating);

            Check.That(fractions.Count > 0 && fractions.All(value => value >= 0 && value <= 1));
            Check.Same(fractions.OrderBy(value => value), fractions);
            Check.Equal(1, previews.Count);
            Check.That(best != null && best == generator.Textures.Single());
            var expected = generator.Pipeline.Generate(generator.prompt,
                new GenerateOptions { Images = 2, Pick = 1, Seed = 7, SuperResolution = false })[0].Image;
            var turned = new byte[best.Applied.Length];
            expected.CopyRgb(turned, fromBottom: true);
            Check.Same(turned, best.Applied);

            var loaded = generator.Pipeline;
            var first = best;
            generator.Generate();
            RunUntil(generator, () => !generator.IsGenerating);
            Check.That(ReferenceEquals(loaded, generator.Pipeline) && first.Destroyed && !best.Destroyed &&
                       generator.Textures.Single() == best);
            // Another way to compute: the model is loaded again.
            generator.dtype = Dtype.Fp32;
            generator.images = 1;
            generator.Generate();
            RunUntil(generator, () => !generator.IsGenerating);
            Check.Throws<ObjectDisposedException>(() => loaded.Tokenizer());
            loaded = generator.Pipeline;
            generator.Send("OnDestroy");
            Check.That(previews.Single().Destroyed);
            Check.Throws<ObjectDisposedException>(() => loaded.Tokenizer());
        }

        [Test]
        static void Cancel_IsFollowedByNoEvent()
        {
            var generator = New();
            generator.images = 8;
            generator.Pipeline = Shared.Pipeline;
            var reports = 0;
            generator.onProgress.AddListener(value => ++reports);
            generator.onFinished.AddListener(texture => throw new InvalidOperationException("finished"));
            generator.onFailed.AddListener(message => throw new InvalidOperationException(message));
            generator.Cancel();
            generator.Generate();
            RunUntil(generator, () => reports > 0);
            generator.Cancel();
            var before = reports;
            RunUntil(generator, () => !generator.IsGenerating);
            Check.Equal(before, reports);

            // Leaving the scene in the middle; the shared pipeline stays.
            generator.Generate();
            generator.Send("OnDisable");
            generator.Send("OnDestroy");
            Shared.Pipeline.Tokenizer().Dispose();
        }

        [Test]
        static void Failures_AreTold()
        {
            var generator = New();
            var messages = new List<string>();
            generator.onFailed.AddListener(messages.Add);
            generator.modelDirectory = "нет такой";
            generator.Generate();
            RunUntil(generator, () => !generator.IsGenerating);
            Check.That(messages.Single().Contains("нет такой"), messages[0]);
            generator.modelDirectory = "emojich-nano";
            generator.images = 0;
            generator.Generate();
            RunUntil(generator, () => !generator.IsGenerating);
            Check.That(messages[1].Contains("images"), messages[1]);
            generator.Send("OnDestroy");
        }

        // Unity ignores what has no .meta file in a package that it does not own; two of one GUID are an error.
        [Test]
        static void Package_IsWhole()
        {
            var package = Path.Combine(Program.Source, "bindings", "csharp", "package");
            var guids = new HashSet<string>();
            foreach (var path in Directory.EnumerateFileSystemEntries(package, "*", SearchOption.AllDirectories))
            {
                if (path.Contains("~") || path.EndsWith(".meta")) continue;
                Check.That(File.Exists(path + ".meta"), path + ".meta");
                var guid = Regex.Match(File.ReadAllText(path + ".meta"), "^guid: ([0-9a-f]{32})$", RegexOptions.Multiline);
                Check.That(guid.Success && guids.Add(guid.Groups[1].Value), path + ".meta");
            }
            Check.That(guids.Count > 25);
            foreach (var meta in Directory.EnumerateFiles(package, "*.meta", SearchOption.AllDirectories))
            {
                var path = meta.Substring(0, meta.Length - 5);
                Check.That(File.Exists(path) || Directory.Exists(path), path);
            }
            Check.That(File.ReadAllText(Path.Combine(package, "package.json")).Contains("\"version\": \"" + Library.Version + "\""));
        }
    }
}
