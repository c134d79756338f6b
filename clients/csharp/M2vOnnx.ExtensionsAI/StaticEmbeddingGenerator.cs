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
        public StaticEmbeddingGenerator(StaticModel model)
        {
            _model = model ?? throw new ArgumentNullException(nameof(model));
            _metadata = new EmbeddingGeneratorMetadata("m2v-onnx", defaultModelDimensions: model.Dimension);
        }

        /// <inheritdoc />
        /// <exception cref="ArgumentException">
        /// A text is not valid Unicode, or <paramref name="options"/> ask for a number of dimensions that is not the
        /// model's.
        /// </exception>
        public Task<GeneratedEmbeddings<Embedding<float>>> GenerateAsync(
            IEnumerable<string> values,
            EmbeddingGenerationOptions? options = null,
            CancellationToken cancellationToken = default)
        {
            ArgumentNullException.ThrowIfNull(values);
            string[] texts = values.ToArray();
            if (options?.Dimensions is int dimensions && dimensions != _model.Dimension)
            {
                throw new ArgumentException(
                    $"Expected {_model.Dimension} dimensions, those of the model, found {dimensions}: leave them out.",
                    nameof(options));
            }
            return Task.Run(
                () => new GeneratedEmbeddings<Embedding<float>>(
                    _model.Encode(texts).Select(vector => new Embedding<float>(vector))),
                cancellationToken);
        }

        /// <inheritdoc />
        public object? GetService(Type serviceType, object? serviceKey = null)
        {
            ArgumentNullException.ThrowIfNull(serviceType);
            return serviceKey == null
                ? new object[] { this, _model, _metadata }.FirstOrDefault(serviceType.IsInstanceOfType)
                : null;
        }

        /// <summary>Disposes the model.</summary>
        public void Dispose() => _model.Dispose();
    }
}
