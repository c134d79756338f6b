using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using M2vOnnx.Checks;
using Xunit;

namespace M2vOnnx.Tests
{
    // The tests of one collection run one after the other: some measure time or memory.
    [Collection("model")]
    public class StaticModelTests
    {
        internal static readonly string Folder = Environment.GetEnvironmentVariable("M2V_ONNX_MODEL")
            ?? throw new InvalidOperationException(
                "Expected the folder of a model in M2V_ONNX_MODEL, found nothing: write one with `m2v-onnx distill` "
                + "and `m2v-onnx export --graph ids,text,codepoints`.");

        internal static readonly Goldens Goldens = Goldens.Read(Path.Combine(Folder, "goldens.json"));

        private const int Threads = 8;

        private static readonly StaticModel Model = StaticModel.Load(Folder);

        [Fact]
        public void GivesTheGoldens() => AssertGoldens(Model.Encode(Goldens.Texts));

        [Fact]
        public void GivesTheSameForOneTextAsForMany() =>
            AssertGoldens(Goldens.Texts.Select(text => Model.Encode(text)).ToArray());

        [Fact]
        public void KeepsTheOrderOfManyTexts()
        {
            var random = new Random(7);
            int[] shuffled = Enumerable.Range(0, 600).Select(_ => random.Next(Goldens.Texts.Length)).ToArray();
            float[][] found = Model.Encode(shuffled.Select(i => Goldens.Texts[i]).ToList());
            float[][] expected = shuffled.Select(i => Goldens.Vectors[i]).ToArray();
            Assert.InRange(Goldens.LargestDifference(expected, found), 0, Goldens.Bound);
        }

        [Fact]
        public void GivesNoVectorForNoText() => Assert.Empty(Model.Encode(Array.Empty<string>()));

        [Fact]
        public void GivesZerosForAnEmptyText() => Assert.Equal(new float[Model.Dimension], Model.Encode(""));

        [Fact]
        public void TakesTextsOfAnyLength()
        {
            float[][] vectors = Model.Encode(new[] { Repeat("sun ", 1000), Repeat("sun ", 100000) });
            Assert.InRange(Goldens.LargestDifference(vectors.Take(1).ToArray(), vectors.Skip(1).ToArray()), 0, 1e-5);
        }

        [Fact]
        public async Task EncodesFromManyThreads() =>
            await Task.WhenAll(Enumerable.Range(0, Threads).Select(_ => OnAThread(() =>
            {
                for (int i = 0; i < 10; i++)
                {
                    AssertGoldens(Model.Encode(Goldens.Texts));
                }
            })));

        [Fact]
        public void EncodesAHundredThousandTextsWithoutGrowing()
        {
            string[] texts = Enumerable.Repeat("a secret", 1000).ToArray();
            EncodeRepeatedly(texts, times: 100); // the garbage collector takes its share
            long before = ResidentBytes();
            EncodeRepeatedly(texts, times: 100);
            Assert.InRange(ResidentBytes() - before, long.MinValue, 32 << 20);
        }

        [Fact]
        public async Task StopsWithinABatchWhenCancelled()
        {
            string[] texts = Enumerable.Repeat(Repeat("a secret ", 200), 20000).ToArray();
            Stopwatch watch = Stopwatch.StartNew();
            Model.Encode(texts);
            double whole = watch.Elapsed.TotalSeconds;

            var cancelled = new List<double>();
            for (int i = 0; i < 3; i++)
            {
                using (var source = new CancellationTokenSource())
                {
                    watch.Restart();
                    Task canceller = CancelAfter(source, whole / 20);
                    Assert.Throws<OperationCanceledException>(() => Model.Encode(texts, source.Token));
                    cancelled.Add(watch.Elapsed.TotalSeconds);
                    await canceller;
                }
                AssertGoldens(Model.Encode(Goldens.Texts));
            }
            Assert.InRange(cancelled.Min(), 0, whole / 10);
        }

        [Fact]
        public void DoesNothingWhenCancelledBefore()
        {
            var cancelled = new CancellationToken(canceled: true);
            Assert.Throws<OperationCanceledException>(() => Model.Encode(Goldens.Texts, cancelled));
            Assert.Throws<OperationCanceledException>(() => Model.Encode(Array.Empty<string>(), cancelled));
            AssertGoldens(Model.Encode(Goldens.Texts));
        }

        [Fact]
        public void GivesTheGoldensWhenCancelledTooLate()
        {
            using (var source = new CancellationTokenSource())
            {
                float[][] vectors = Model.Encode(Goldens.Texts, source.Token);
                source.Cancel();
                AssertGoldens(vectors);
            }
        }

        [Fact]
        public void BearsTheNameOfItsFolder()
        {
            string name = new DirectoryInfo(Folder).Name;
            Assert.Equal(name, Model.Name);
            using (StaticModel model = StaticModel.Load(Path.Combine(Folder, "onnx", "model_codepoints.onnx")))
            {
                Assert.Equal(name, model.Name);
            }
            WithTemporaryFolder(folder =>
            {
                string graph = Path.Combine(folder, "model_codepoints.onnx");
                File.Copy(Path.Combine(Folder, "onnx", "model_codepoints.onnx"), graph);
                using (StaticModel model = StaticModel.Load(graph))
                {
                    Assert.Equal(Path.GetFileName(folder), model.Name);
                }
            });
        }

        [Fact]
        public void RefusesLoneSurrogates()
        {
            AssertLoneSurrogate("a\uD83D", "U+D83D at index 1");
            AssertLoneSurrogate("\uDE00", "U+DE00 at index 0");
            AssertLoneSurrogate("ab\uDE00\uD83D", "U+DE00 at index 2");
            AssertLoneSurrogate("\uD83D\uDE00\uD83Dc", "U+D83D at index 2");
        }

        [Fact]
        public void RefusesNull()
        {
            var error = Assert.Throws<ArgumentNullException>(() => Model.Encode((string)null));
            Assert.Contains("Expected a string for text, found null", error.Message);
            error = Assert.Throws<ArgumentNullException>(() => Model.Encode(new[] { "fine", null }));
            Assert.Contains("Expected a string for texts[1], found null", error.Message);
            Assert.Throws<ArgumentNullException>(() => Model.Encode((IReadOnlyList<string>)null));
            Assert.Throws<ArgumentNullException>(() => StaticModel.Load(null));
        }

        [Fact]
        public void RefusesAFolderWithoutTheGraph()
        {
            WithTemporaryFolder(folder =>
            {
                var error = Assert.Throws<FileNotFoundException>(() => StaticModel.Load(folder));
                Assert.Contains("m2v-onnx export --graph codepoints", error.Message);
                Assert.Throws<FileNotFoundException>(() => StaticModel.Load(Path.Combine(folder, "nowhere")));
            });
        }

        [Fact]
        public void RefusesAGraphOfAnotherKind()
        {
            var error = Assert.Throws<InvalidDataException>(
                () => StaticModel.Load(Path.Combine(Folder, "onnx", "model.onnx")));
            Assert.Contains("found input_ids, attention_mask", error.Message);
        }

        [Fact]
        public void RefusesADamagedGraph()
        {
            byte[] graph = File.ReadAllBytes(Path.Combine(Folder, "onnx", "model_codepoints.onnx"));
            WithTemporaryFolder(folder =>
            {
                foreach (int length in new[] { 0, 100, graph.Length / 2 })
                {
                    File.WriteAllBytes(Path.Combine(folder, "model_codepoints.onnx"), graph.Take(length).ToArray());
                    var error = Assert.Throws<InvalidDataException>(() => StaticModel.Load(folder));
                    Assert.StartsWith("Expected ", error.Message);
                }
            });
        }

        [Fact]
        public void RefusesToEncodeOnceDisposed()
        {
            StaticModel disposed = StaticModel.Load(Folder);
            disposed.Dispose();
            disposed.Dispose();
            var error = Assert.Throws<ObjectDisposedException>(() => disposed.Encode("text"));
            Assert.Contains("Expected an open model", error.Message);
        }

        [Fact]
        public async Task WaitsForEncodingsWhenDisposed()
        {
            StaticModel shared = StaticModel.Load(Folder);
            Task[] encodings = Enumerable.Range(0, Threads)
                .Select(_ => OnAThread(() => Assert.Throws<ObjectDisposedException>(() => EncodeForever(shared))))
                .ToArray();
            Thread.Sleep(200);
            shared.Dispose();
            await Task.WhenAll(encodings);
        }

        internal static void AssertGoldens(float[][] vectors) =>
            Assert.InRange(Goldens.LargestDifference(vectors), 0, Goldens.Bound);

        internal static Task CancelAfter(CancellationTokenSource source, double seconds) => OnAThread(() =>
        {
            Thread.Sleep(TimeSpan.FromSeconds(seconds));
            source.Cancel();
        });

        private static void AssertLoneSurrogate(string text, string expected)
        {
            var error = Assert.Throws<ArgumentException>(() => Model.Encode(new[] { "fine", text }));
            Assert.Contains($"texts[1], found the lone surrogate {expected}", error.Message);
        }

        private static Task OnAThread(Action action) =>
            Task.Factory.StartNew(action, TaskCreationOptions.LongRunning);

        private static void EncodeForever(StaticModel model)
        {
            while (true)
            {
                model.Encode(Goldens.Texts);
            }
        }

        private static void EncodeRepeatedly(string[] texts, int times)
        {
            for (int i = 0; i < times; i++)
            {
                Model.Encode(texts);
            }
        }

        private static string Repeat(string text, int times) => string.Concat(Enumerable.Repeat(text, times));

        private static long ResidentBytes()
        {
            GC.Collect();
            using (Process process = Process.GetCurrentProcess())
            {
                return process.WorkingSet64;
            }
        }

        private static void WithTemporaryFolder(Action<string> action)
        {
            string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            Directory.CreateDirectory(folder);
            try
            {
                action(folder);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
    }
}
