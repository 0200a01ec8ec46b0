using System;

namespace AOT
{
    // IL2CPP compiles entries from C for the methods that have an attribute of this name. It is declared here, too, so
    // that this assembly needs nothing of Unity's.
    [AttributeUsage(AttributeTargets.Method)]
    sealed class MonoPInvokeCallbackAttribute : Attribute
    {
        public MonoPInvokeCallbackAttribute(Type type) { }
    }
}
