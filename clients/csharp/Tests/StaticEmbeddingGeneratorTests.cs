using System;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using M2vOnnx.ExtensionsAI;
using Microsoft.Extensions.AI;
using Xunit;

namespace M2vOnnx.Tests
{
    [Collection("model")]
    public class StaticEmbeddingGeneratorTests
    {
        private static readonly StaticModel Model = StaticModel.Load(StaticModelTests.Folder);
        private static readonly StaticEmbeddingGenerator Generator = new StaticEmbeddingGenerator(Model);
        private static readonly string[] Texts = StaticModelTests.Goldens.Texts;

        [Fact]
        public async Task GivesTheGoldens() => AssertGoldens(await Generator.GenerateAsync(Texts));

        [Fact]
        public async Task NamesItsModel()
        {
            await AssertModelId(Generator, new DirectoryInfo(StaticModelTests.Folder).Name);
            await AssertModelId(new StaticEmbeddingGenerator(Model, "owner/name"), "owner/name");
        }

        [Fact]
        public async Task SaysWhenItWasMade()
        {
            DateTimeOffset before = DateTimeOffset.UtcNow;
            GeneratedEmbeddings<Embedding<float>> embeddings = await Generator.GenerateAsync(Texts);
            DateTimeOffset after = DateTimeOffset.UtcNow;
            foreach (Embedding<float> embedding in embeddings)
            {
                Assert.InRange(embedding.CreatedAt ?? DateTimeOffset.MinValue, before, after);
            }
        }

        [Fact]
        public async Task StopsWhenCancelled()
        {
            string[] texts = Enumerable.Repeat(string.Concat(Enumerable.Repeat("a secret ", 200)), 20000).ToArray();
            using (var source = new CancellationTokenSource())
            {
                Task<GeneratedEmbeddings<Embedding<float>>> embeddings =
                    Generator.GenerateAsync(texts, cancellationToken: source.Token);
                await StaticModelTests.CancelAfter(source, seconds: 0.2);
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => embeddings);
                Assert.Equal(TaskStatus.Canceled, embeddings.Status);
            }
            AssertGoldens(await Generator.GenerateAsync(Texts));
        }

        [Fact]
        public async Task DoesNothingWhenCancelledBefore()
        {
            var cancelled = new CancellationToken(canceled: true);
            await Assert.ThrowsAnyAsync<OperationCanceledException>(
                () => Generator.GenerateAsync(Texts, cancellationToken: cancelled));
        }

        [Fact]
        public async Task RefusesAnotherNumberOfDimensions()
        {
            var same = new EmbeddingGenerationOptions { Dimensions = Model.Dimension };
            AssertGoldens(await Generator.GenerateAsync(Texts, same));
            var other = new EmbeddingGenerationOptions { Dimensions = Model.Dimension + 1 };
            ArgumentException error = await Assert.ThrowsAnyAsync<ArgumentException>(
                () => Generator.GenerateAsync(Texts, other));
            Assert.Contains($"Expected {Model.Dimension} dimensions", error.Message);
        }

        [Fact]
        public async Task RefusesNull()
        {
            await Assert.ThrowsAnyAsync<ArgumentNullException>(() => Generator.GenerateAsync(null));
            await Assert.ThrowsAnyAsync<ArgumentNullException>(() => Generator.GenerateAsync(new string[] { null }));
            Assert.Throws<ArgumentNullException>(() => Generator.GetService(null));
            Assert.Throws<ArgumentNullException>(() => new StaticEmbeddingGenerator(null));
        }

        [Fact]
        public void GivesItselfAndItsModelAsServices()
        {
            Assert.Same(Generator, Generator.GetService(typeof(IEmbeddingGenerator<string, Embedding<float>>)));
            Assert.Same(Model, Generator.GetService(typeof(StaticModel)));
            Assert.Null(Generator.GetService(typeof(Stream)));
            Assert.Null(Generator.GetService(typeof(StaticModel), "a key"));
        }

        [Fact]
        public async Task DisposesItsModel()
        {
            var generator = new StaticEmbeddingGenerator(StaticModel.Load(StaticModelTests.Folder));
            generator.Dispose();
            await Assert.ThrowsAnyAsync<ObjectDisposedException>(() => generator.GenerateAsync(Texts));
        }

        private static async Task AssertModelId(StaticEmbeddingGenerator generator, string id)
        {
            var metadata = (EmbeddingGeneratorMetadata)generator.GetService(typeof(EmbeddingGeneratorMetadata));
            Assert.Equal("m2v-onnx", metadata.ProviderName);
            Assert.Equal(id, metadata.DefaultModelId);
            Assert.Equal(Model.Dimension, metadata.DefaultModelDimensions);
            foreach (Embedding<float> embedding in await generator.GenerateAsync(Texts))
            {
                Assert.Equal(id, embedding.ModelId);
            }
        }

        private static void AssertGoldens(GeneratedEmbeddings<Embedding<float>> embeddings) =>
            StaticModelTests.AssertGoldens(embeddings.Select(embedding => embedding.Vector.ToArray()).ToArray());
    }
}
