using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Kandinsky.Tests")]
