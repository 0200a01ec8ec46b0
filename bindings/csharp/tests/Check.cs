using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace Kandinsky.Tests
{
    [AttributeUsage(AttributeTargets.Method)]
    sealed class TestAttribute : Attribute { }

    // Checks: a failed one ends its test, and the program fails once all tests have run.
    static class Check
    {
        sealed class Failed : Exception
        {
            public Failed(string message) : base(message) { }
        }

        public static void That(bool condition, string what = "condition", [CallerFilePath] string file = "",
                                [CallerLineNumber] int line = 0)
        {
            if (!condition) throw new Failed(Path.GetFileName(file) + ":" + line + ": " + what + " does not hold");
        }

        public static void Equal<T>(T expected, T actual, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
        {
            if (!EqualityComparer<T>.Default.Equals(expected, actual))
                throw new Failed(Path.GetFileName(file) + ":" + line + ": expected " + expected + ", got " + actual);
        }

        public static void Same<T>(IEnumerable<T> expected, IEnumerable<T> actual, [CallerFilePath] string file = "",
                                   [CallerLineNumber] int line = 0)
        {
            if (!expected.SequenceEqual(actual)) throw new Failed(Path.GetFileName(file) + ":" + line + ": sequences differ");
        }

        public static T Throws<T>(Action action, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0)
            where T : Exception
        {
            try
            {
                action();
            }
            catch (T exception)
            {
                return exception;
            }
            catch (Exception other) when (!(other is Failed))
            {
                throw new Failed(Path.GetFileName(file) + ":" + line + ": expected " + typeof(T).Name + ", got " + other);
            }
            throw new Failed(Path.GetFileName(file) + ":" + line + ": expected " + typeof(T).Name + ", nothing was thrown");
        }

        // A KandinskyException of that code about that subject, with a message of one line that holds the subject.
        public static void Refuses(ErrorCode code, string subject, Action action, [CallerFilePath] string file = "",
                                   [CallerLineNumber] int line = 0)
        {
            var exception = Throws<KandinskyException>(action, file, line);
            Equal(code, exception.Code, file, line);
            Equal(subject, exception.Subject, file, line);
            That(exception.Message.Contains(subject) && !exception.Message.Contains("\n"), exception.Message, file, line);
        }

        // Runs every method of the assembly that is marked [Test]; names on the command line pick classes.
        public static int RunAll(IReadOnlyCollection<string> classes)
        {
            int passed = 0, failed = 0;
            foreach (var method in typeof(Check).Assembly.GetTypes().OrderBy(type => type.Name)
                         .Where(type => classes.Count == 0 || classes.Contains(type.Name))
                         .SelectMany(type => type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
                         .Where(method => method.GetCustomAttribute<TestAttribute>() != null))
            {
                var name = method.DeclaringType.Name + "." + method.Name;
                var watch = System.Diagnostics.Stopwatch.StartNew();
                try
                {
                    method.Invoke(null, null);
                    ++passed;
                    Console.WriteLine("ok      " + name + " (" + watch.ElapsedMilliseconds + " ms)");
                }
                catch (TargetInvocationException exception)
                {
                    ++failed;
                    Console.WriteLine("FAILED  " + name + "\n" + exception.InnerException);
                }
            }
            Console.WriteLine(passed + " passed, " + failed + " failed");
            return failed == 0 && passed > 0 ? 0 : 1;
        }
    }
}
