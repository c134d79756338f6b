using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

// What the generator and its tests use of Microsoft.Extensions.AI, where that cannot be had: check.sh compiles it in
// place of the package; Tests.csproj leaves it out.
namespace Microsoft.Extensions.AI
{
    public interface IEmbeddingGenerator : IDisposable
    {
        object GetService(Type serviceType, object serviceKey = null);
    }

    public interface IEmbeddingGenerator<in TInput, TEmbedding> : IEmbeddingGenerator
        where TEmbedding : Embedding
    {
        Task<GeneratedEmbeddings<TEmbedding>> GenerateAsync(
            IEnumerable<TInput> values,
            EmbeddingGenerationOptions options = null,
            CancellationToken cancellationToken = default);
    }

    public class Embedding
    {
        protected Embedding()
        {
        }

        public DateTimeOffset? CreatedAt { get; set; }

        public string ModelId { get; set; }
    }

    public sealed class Embedding<T> : Embedding
    {
        public Embedding(ReadOnlyMemory<T> vector)
        {
            Vector = vector;
        }

        public ReadOnlyMemory<T> Vector { get; set; }
    }

    public sealed class GeneratedEmbeddings<TEmbedding> : List<TEmbedding>
        where TEmbedding : Embedding
    {
        public GeneratedEmbeddings(IEnumerable<TEmbedding> embeddings)
            : base(embeddings)
        {
        }
    }

    public class EmbeddingGenerationOptions
    {
        public int? Dimensions { get; set; }
    }

    public class EmbeddingGeneratorMetadata
    {
        public EmbeddingGeneratorMetadata(
            string providerName = null,
            Uri providerUri = null,
            string defaultModelId = null,
            int? defaultModelDimensions = null)
        {
            ProviderName = providerName;
            ProviderUri = providerUri;
            DefaultModelId = defaultModelId;
            DefaultModelDimensions = defaultModelDimensions;
        }

        public string ProviderName { get; }

        public Uri ProviderUri { get; }

        public string DefaultModelId { get; }

        public int? DefaultModelDimensions { get; }
    }
}
