using System;
using System.IO;
using System.Linq;

namespace Kandinsky.Tests
{
    static class ImageTest
    {
        // 5 x 4, no two rows alike.
        static byte[] Pixels() => Enumerable.Range(0, 60).Select(i => (byte)(i * 3)).ToArray();

        [Test]
        static void Pixels_ComeBackAsTheyWere()
        {
            using (var image = new Image(5, 4, Pixels()))
            {
                Check.Equal(5, image.Width);
                Check.Equal(4, image.Height);
                Check.Same(Pixels(), image.ToRgb());
                var turned = new byte[60];
                image.CopyRgb(turned, fromBottom: true);
                for (var y = 0; y < 4; ++y) Check.Same(Pixels().Skip(y * 15).Take(15), turned.Skip((3 - y) * 15).Take(15));
            }
        }

        [Test]
        static void Stride_SkipsWhatLiesBetweenRows()
        {
            var spaced = new byte[4 * 16];
            for (var i = 0; i < 60; ++i) spaced[i / 15 * 16 + i % 15] = Pixels()[i];
            // The last row needs no padding behind it.
            using (var image = new Image(5, 4, spaced.Take(63).ToArray(), 16)) Check.Same(Pixels(), image.ToRgb());
        }

        [Test]
        static void Png_IsLossless()
        {
            using (var image = new Image(5, 4, Pixels()))
            using (var again = Image.Decode(image.ToPng()))
            {
                Check.Same(Pixels(), again.ToRgb());
                Check.That(image.ToJpeg(5).Length < image.ToJpeg(100).Length);
                Check.Same(new byte[] { 0xff, 0xd8 }, image.ToJpeg().Take(2));
            }
        }

        [Test]
        static void Files_MayHaveAnyName()
        {
            var path = Path.Combine(Program.Folder, "ёжик в тумане 😀.png");
            using (var image = new Image(5, 4, Pixels()))
            {
                image.Save(path);
                Check.That(File.Exists(path), path);
                using (var again = Image.Load(path)) Check.Same(Pixels(), again.ToRgb());

                var missing = Path.Combine(Program.Folder, "нет такого.png");
                Check.Refuses(ErrorCode.NotFound, missing, () => Image.Load(missing));
                var nowhere = Path.Combine(Program.Folder, "нет", "ёж.png");
                Check.Throws<KandinskyException>(() => image.Save(nowhere));
                Check.Throws<KandinskyException>(() => image.Save(Path.Combine(Program.Folder, "ёж.bmp")));
                Check.That(!File.Exists(Path.Combine(Program.Folder, "ёж.bmp")));
            }
        }

        [Test]
        static void WrongInput_IsNamed()
        {
            Check.Equal("pixels", Check.Throws<ArgumentNullException>(() => new Image(5, 4, null)).ParamName);
            Check.Equal("pixels", Check.Throws<ArgumentException>(() => new Image(5, 5, Pixels())).ParamName);
            Check.Equal("pixels", Check.Throws<ArgumentException>(() => new Image(5, 4, Pixels(), 16)).ParamName);
            Check.Throws<ArgumentOutOfRangeException>(() => new Image(5, 4, Pixels(), -1));
            Check.Refuses(ErrorCode.InvalidArgument, "stride", () => new Image(5, 4, Pixels(), 14));
            Check.Refuses(ErrorCode.InvalidArgument, "width", () => new Image(0, 4, Pixels()));
            Check.Refuses(ErrorCode.InvalidArgument, "height", () => new Image(5, -4, Pixels()));
            Check.Throws<KandinskyException>(() => Image.Decode(new byte[] { 1, 2, 3 }));
            Check.Throws<KandinskyException>(() => Image.Decode(new byte[0]));
            Check.Throws<ArgumentNullException>(() => Image.Decode(null));
            Check.Throws<ArgumentNullException>(() => Image.Load(null));
            Check.Throws<ArgumentException>(() => Image.Load("a\0.png"));
            using (var image = new Image(5, 4, Pixels()))
            {
                Check.Refuses(ErrorCode.InvalidArgument, "quality", () => image.ToJpeg(101));
                Check.Throws<ArgumentException>(() => image.CopyRgb(new byte[59]));
                Check.Throws<ArgumentNullException>(() => image.CopyRgb(null));
            }
        }

        [Test]
        static void Disposed_IsSaidSo()
        {
            var image = new Image(5, 4, Pixels());
            image.Dispose();
            image.Dispose();
            Check.Throws<ObjectDisposedException>(() => image.Width.ToString());
            Check.Throws<ObjectDisposedException>(() => image.ToRgb());
            Check.Throws<ObjectDisposedException>(() => image.ToPng());
            Check.Throws<ObjectDisposedException>(() => image.Save("x.png"));
            Check.Equal("Image (disposed of)", image.ToString());
        }
    }
}
