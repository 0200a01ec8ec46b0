using Kandinsky.Unity;
using UnityEngine;

// Put this and a KandinskyGenerator on one object and press Play: type a prompt, press Draw.
[RequireComponent(typeof(KandinskyGenerator))]
public class PromptToPicture : MonoBehaviour
{
    KandinskyGenerator generator;
    Texture2D shown;
    float done;
    string message = "";

    void Start()
    {
        generator = GetComponent<KandinskyGenerator>();
        generator.previewEvery = 16;
        generator.onProgress.AddListener(fraction => done = fraction);
        generator.onPreview.AddListener(texture => shown = texture);
        generator.onFinished.AddListener(texture => { shown = texture; done = 1; });
        generator.onFailed.AddListener(text => message = text);
    }

    void OnGUI()
    {
        generator.prompt = GUILayout.TextField(generator.prompt, GUILayout.Width(512));
        if (generator.IsGenerating)
        {
            if (GUILayout.Button("Stop " + (int)(done * 100) + " %")) generator.Cancel();
        }
        else if (GUILayout.Button("Draw"))
        {
            message = "";
            generator.Generate();
        }
        GUILayout.Label(message);
        if (shown != null) GUILayout.Label(shown);
    }
}
