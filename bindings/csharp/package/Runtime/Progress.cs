using System;

namespace Kandinsky
{
    public enum Stage { Drawing = 0, Decoding = 1, Ranking = 2, Enlarging = 3 }

    public enum LogLevel { Debug = 0, Info = 1, Warning = 2 }

    /// <summary>
    /// How far a call is. Reported on the thread that does the work, after every token and every picture:
    /// System.Progress&lt;Progress&gt; carries it to the thread that made that object.
    /// </summary>
    public struct Progress
    {
        internal Progress(Stage stage, int step, int steps, int images, int number)
        {
            Stage = stage;
            Step = step;
            Steps = steps;
            Images = images;
            Number = number;
        }

        public Stage Stage { get; }
        /// <summary>Done: image tokens while drawing, pictures in the other stages; 0..Steps.</summary>
        public int Step { get; }
        public int Steps { get; }
        /// <summary>Images in work at this step.</summary>
        public int Images { get; }
        /// <summary>Which of the drawn images: the one being enlarged; the first of those in work in other stages.</summary>
        public int Number { get; }

        public override string ToString() => Stage + " " + Step + "/" + Steps;
    }

    /// <summary>A picture as far as it is drawn: token rows that are not complete are grey. Owns its image.</summary>
    public sealed class Preview : IDisposable
    {
        internal Preview(int number, int tokens, Image image)
        {
            Number = number;
            Tokens = tokens;
            Image = image;
        }

        /// <summary>Which of the images that are drawn.</summary>
        public int Number { get; }
        /// <summary>How many of its tokens are drawn.</summary>
        public int Tokens { get; }
        public Image Image { get; }

        public void Dispose() => Image.Dispose();
    }
}
