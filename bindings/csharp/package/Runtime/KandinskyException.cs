using System;

namespace Kandinsky
{
    /// <summary>Why a call failed.</summary>
    public enum ErrorCode
    {
        /// <summary>A value is out of range or does not fit the model.</summary>
        InvalidArgument = 1,
        /// <summary>A file, directory, tensor or device does not exist.</summary>
        NotFound = 2,
        /// <summary>A file is damaged, hostile or of another kind than expected.</summary>
        BadFile = 3,
        /// <summary>Well-formed, but something this build or device cannot do.</summary>
        Unsupported = 4,
        /// <summary>Memory of the host or of a device ran out.</summary>
        OutOfMemory = 5,
        /// <summary>Cancelled. Calls that were given a CancellationToken throw OperationCanceledException instead.</summary>
        Cancelled = 6,
        /// <summary>The system refused to read or write.</summary>
        Io = 7,
        /// <summary>A bug of the library: please report it.</summary>
        Internal = 8
    }

    /// <summary>
    /// What the library refuses or fails to do. Null, closed objects and texts that are no Unicode are found before the
    /// library is called: ArgumentNullException, ObjectDisposedException and ArgumentException tell of those.
    /// </summary>
    public sealed class KandinskyException : Exception
    {
        public KandinskyException(ErrorCode code, string message, string subject) : base(message)
        {
            Code = code;
            Subject = subject ?? "";
        }

        public ErrorCode Code { get; }

        /// <summary>The file, option, field or tensor that it is about; may be empty. Message holds it too.</summary>
        public string Subject { get; }
    }
}
