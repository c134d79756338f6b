using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;

namespace M2vOnnx
{
    /// <summary>A static embedding model: text in, the mean of its tokens' vectors out.</summary>
    /// <remarks>
    /// It runs the model's code-points graph, which holds the tokenizer, so that onnxruntime is all it needs.
    /// Thread-safe: load a model once, and share it.
    /// </remarks>
    /// <example>
    /// <code>
    /// using (var model = StaticModel.Load("my-model"))
    /// {
    ///     float[] vector = model.Encode("It's dangerous to go alone!");
    /// }
    /// </code>
    /// </example>
    public sealed class StaticModel : IDisposable
    {
        private const string OutputName = "sentence_embedding";

        private readonly CodePointsGraph _graph;

        private StaticModel(CodePointsGraph graph)
        {
            _graph = graph;
            Name = graph.Folder.Name;
            Dimension = graph.Width(OutputName);
        }

        /// <summary>The name of the model's folder.</summary>
        public string Name { get; }

        /// <summary>The number of components of every vector.</summary>
        public int Dimension { get; }

        /// <summary>Loads a model.</summary>
        /// <param name="path">
        /// A model's folder, or one of its code-points graphs, such as
        /// <c>my-model/onnx/model_codepoints_quantized.onnx</c>. A classifier's gives the vectors that labels are made
        /// from.
        /// </param>
        /// <exception cref="FileNotFoundException">There is no such graph.</exception>
        /// <exception cref="InvalidDataException">The file is damaged, or is a graph of another kind.</exception>
        public static StaticModel Load(string path) =>
            new StaticModel(CodePointsGraph.Open(path, "m2v-onnx export --graph codepoints", OutputName));

        /// <summary>Embeds one text.</summary>
        /// <param name="text">Any text; an empty one, or one without a known token, gives zeros.</param>
        /// <returns>
        /// A vector of <see cref="Dimension"/> components, of length 1 if the model normalizes.
        /// </returns>
        /// <exception cref="ArgumentException">The text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
        public float[] Encode(string text)
        {
            CodePointsGraph.CheckText(text, nameof(text), nameof(text));
            return _graph.Run(new[] { text }, CancellationToken.None, OutputName)[0][0];
        }

        /// <summary>Embeds texts, in batches that run side by side on the thread pool.</summary>
        /// <param name="texts">Any number of texts.</param>
        /// <param name="cancellationToken">Stops the encoding as soon as the batches under way have ended.</param>
        /// <returns>A vector for each text, in the same order.</returns>
        /// <exception cref="ArgumentException">A text is null or holds a lone surrogate.</exception>
        /// <exception cref="ObjectDisposedException">The model is disposed.</exception>
        /// <exception cref="OperationCanceledException">The token was cancelled. The model can be used on.</exception>
        public float[][] Encode(
            IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
        {
            string[] all = CodePointsGraph.CheckTexts(texts, cancellationToken);
            return _graph.Run(all, cancellationToken, OutputName)[0];
        }

        /// <summary>Frees the model's memory, once the encodings under way have finished.</summary>
        public void Dispose() => _graph.Dispose();
    }
}
