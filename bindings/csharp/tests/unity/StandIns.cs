using System;
using System.Collections.Generic;
using System.Reflection;

// The few declarations of Unity's that the component and its sample use, as far as a test without Unity needs them.
namespace UnityEngine.Events
{
    public class UnityEvent<T>
    {
        readonly List<Action<T>> listeners = new List<Action<T>>();
        public void AddListener(UnityAction<T> listener) => listeners.Add(value => listener(value));
        public void Invoke(T value) => listeners.ForEach(listener => listener(value));
    }

    public delegate void UnityAction<T>(T value);
}

namespace UnityEngine
{
    public class Object
    {
        public bool Destroyed { get; private set; }
        public static readonly int MainThread = System.Threading.Thread.CurrentThread.ManagedThreadId;
        public static void CheckThread()
        {
            if (System.Threading.Thread.CurrentThread.ManagedThreadId != MainThread)
                throw new InvalidOperationException("can only be called from the main thread");
        }
        public static void Destroy(Object thing)
        {
            CheckThread();
            thing.Destroyed = true;
        }
    }

    public class MonoBehaviour : Object
    {
        public T GetComponent<T>() where T : class => this as T;

        // What the player loop does: calls a method by its name, whatever its visibility.
        public void Send(string message)
        {
            var method = GetType().GetMethod(message, BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public);
            try
            {
                method.Invoke(this, null);
            }
            catch (TargetInvocationException exception)
            {
                throw exception.InnerException;
            }
        }
    }

    public class Texture : Object { }

    public enum TextureFormat { RGB24 = 3 }

    public class Texture2D : Texture
    {
        public int width { get; }
        public int height { get; }
        public byte[] Raw { get; private set; }
        public byte[] Applied { get; private set; }
        public Texture2D(int width, int height, TextureFormat format, bool mipChain)
        {
            CheckThread();
            this.width = width;
            this.height = height;
        }
        public void LoadRawTextureData(byte[] data)
        {
            CheckThread();
            if (data.Length != width * height * 3) throw new ArgumentException("data");
            Raw = (byte[])data.Clone();
        }
        public void Apply()
        {
            CheckThread();
            Applied = Raw;
        }
    }

    public static class Application
    {
        public static string Assets;
        public static string streamingAssetsPath
        {
            get
            {
                Object.CheckThread();
                return Assets;
            }
        }
    }

    [AttributeUsage(AttributeTargets.Class)]
    public class AddComponentMenu : Attribute
    {
        public AddComponentMenu(string name) { }
    }
    [AttributeUsage(AttributeTargets.Class)]
    public class RequireComponent : Attribute
    {
        public RequireComponent(Type type) { }
    }
    public class TooltipAttribute : Attribute
    {
        public TooltipAttribute(string text) { }
    }
    public class TextAreaAttribute : Attribute { }

    public class GUILayoutOption { }

    public static class GUILayout
    {
        public static GUILayoutOption Width(float width) => null;
        public static string TextField(string text, params GUILayoutOption[] options) => text;
        public static bool Button(string text, params GUILayoutOption[] options) => false;
        public static void Label(string text, params GUILayoutOption[] options) { }
        public static void Label(Texture image, params GUILayoutOption[] options) { }
    }
}
