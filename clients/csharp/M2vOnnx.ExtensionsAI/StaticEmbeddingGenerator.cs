using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Microsoft.Extensions.AI;

namespace M2vOnnx.ExtensionsAI
{
    /// <summary>A <see cref="StaticModel"/> as an embedding generator of Microsoft.Extensions.AI.</summary>
    public sealed class StaticEmbeddingGenerator : IEmbeddingGenerator<string, Embedding<float>>
    {
        private readonly StaticModel _model;
        private readonly EmbeddingGeneratorMetadata _metadata;

        /// <summary>Wraps a model.</summary>
        /// <param name="model">The model, which is disposed with the generator.</param>
        /// <param name="modelId">The model's id in metadata and embeddings; by default the name of its folder.</param>
        public StaticEmbeddingGenerator(StaticModel model, string? modelId = null)
        {
            _model = model ?? throw new ArgumentNullException(nameof(model));
            _metadata = new EmbeddingGeneratorMetadata(
                "m2v-onnx", defaultModelId: modelId ?? model.Name, defaultModelDimensions: model.Dimension);
        }

        /// <inheritdoc />
        /// <remarks>
        /// The work is done on the thread pool. A cancelled token stops it as soon as the batches under way have ended.
        /// </remarks>
        /// <exception cref="ArgumentException">
        /// A text is not valid Unicode, or <paramref name="options"/> ask for a number of dimensions that is not the
        /// model's.
        /// </exception>
        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values,
            EmbeddingGenerationOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            string[] texts = (values ?? throw new ArgumentNullException(nameof(values))).ToArray();
            if (options?.Dimensions is int dimensions && dimensions != _model.Dimension)
            {
                throw new ArgumentException(
                    $"Expected {_model.Dimension} dimensions, those of the model, found {dimensions}: leave them out.",
                    nameof(options));
            }
            return Task.Run(() => Generate(texts, cancellationToken), cancellationToken);
        }

        /// <inheritdoc />
        public object? GetService(Type serviceType, object? serviceKey = null)
        {
            Type type = serviceType ?? throw new ArgumentNullException(nameof(serviceType));
            return serviceKey == null
                ? new object[] { this, _model, _metadata }.FirstOrDefault(type.IsInstanceOfType)
                : null;
        }

        /// <summary>Disposes the model.</summary>
        public void Dispose() => _model.Dispose();

        private GeneratedEmbeddings<Embedding<float>> Generate(string[] texts, CancellationToken cancellationToken)
        {
            float[][] vectors = _model.Encode(texts, cancellationToken);
            DateTimeOffset now = DateTimeOffset.UtcNow;
            return new GeneratedEmbeddings<Embedding<float>>(vectors.Select(
                vector => new Embedding<float>(vector) { CreatedAt = now, ModelId = _metadata.DefaultModelId }));
        }
    }
}
