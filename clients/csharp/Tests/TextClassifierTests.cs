using System;
using System.IO;
using System.Linq;
using M2vOnnx.Checks;
using Xunit;

namespace M2vOnnx.Tests
{
    [Collection("model")]
    public class TextClassifierTests
    {
        private static readonly string Folder = Environment.GetEnvironmentVariable("M2V_ONNX_CLASSIFIER")
            ?? throw new InvalidOperationException(
                "Expected the folder of a classifier in M2V_ONNX_CLASSIFIER, found nothing: write one with "
                + "`m2v-onnx train MODEL clients/browser/headlines.tsv FOLDER --graph codepoints`.");

        private static readonly Goldens Goldens = Goldens.Read(Path.Combine(Folder, "goldens.json"));

        private static readonly TextClassifier Classifier = TextClassifier.Load(Folder);

        [Fact]
        public void GivesTheLabelsOfTheGoldensAndTheirProbabilities()
        {
            Classification[] found = Classifier.Classify(Goldens.Texts);
            Assert.Equal(Goldens.Labels, found.Select(one => one.Label).ToArray());
            for (int i = 0; i < found.Length; i++)
            {
                double largest = Goldens.Logits[i].Max();
                double expected = 1 / Goldens.Logits[i].Sum(logit => Math.Exp(logit - largest));
                Assert.InRange(found[i].Probability - expected, -Goldens.Bound, Goldens.Bound);
            }
        }

        [Fact]
        public void GivesTheSameForOneTextAsForMany() =>
            Assert.Equal(Goldens.Labels, Goldens.Texts.Select(text => Classifier.Classify(text).Label).ToArray());

        [Fact]
        public void RanksAllLabels()
        {
            Classification[] ranked = Classifier.Rank("Striker scores twice in the cup final");
            Assert.Equal("sport", ranked[0].Label);
            Assert.Equal(
                Classifier.Labels.OrderBy(label => label).ToArray(),
                ranked.Select(one => one.Label).OrderBy(label => label).ToArray());
            Assert.InRange(ranked.Sum(one => (double)one.Probability), 1 - Goldens.Bound, 1 + Goldens.Bound);
            Assert.Equal(
                ranked.Select(one => one.Probability).OrderByDescending(share => share).ToArray(),
                ranked.Select(one => one.Probability).ToArray());
        }

        [Fact]
        public void TheModelGivesTheVectorsThatLabelsAreMadeFrom()
        {
            using (StaticModel model = StaticModel.Load(Folder))
            {
                Assert.InRange(Goldens.LargestDifference(model.Encode(Goldens.Texts)), 0, Goldens.Bound);
            }
        }

        [Fact]
        public void GivesNothingForNothing() => Assert.Empty(Classifier.Classify(Array.Empty<string>()));

        [Fact]
        public void RefusesWhatIsNoText()
        {
            Assert.Throws<ArgumentNullException>(() => Classifier.Classify((string)null));
            Assert.Throws<ArgumentException>(() => Classifier.Classify("\uD83D"));
        }

        [Fact]
        public void AModelThatGivesVectorsIsNoClassifier()
        {
            var error = Assert.Throws<InvalidDataException>(() => TextClassifier.Load(StaticModelTests.Folder));
            Assert.Contains("found codepoints -> sentence_embedding", error.Message);
        }

        [Fact]
        public void LabelsMayBeAnyText()
        {
            string graph = Path.Combine(Folder, "onnx", "model_codepoints.onnx");
            string folder = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            Directory.CreateDirectory(folder);
            File.Copy(graph, Path.Combine(folder, "model_codepoints.onnx"));
            string[] labels = { "plain", "\"quoted\", \\ and }\t\n", "\U0001F600 \u00f1$1", "", ", \"5\": \"x", "ok" };
            File.WriteAllText(
                Path.Combine(folder, "config.json"),
                "{\"a\": {}, \"id2label\": {\"0\": \"plain\", \"1\": \"\\\"quoted\\\", \\\\ and }\\t\\n\", "
                + "\"2\": \"\\ud83d\\ude00 \u00f1$1\", \"3\": \"\", \"4\": \", \\\"5\\\": \\\"x\", \"5\": \"ok\"}}");
            using (TextClassifier classifier = TextClassifier.Load(folder))
            {
                Assert.Equal(labels, classifier.Labels.ToArray());
            }
            Directory.Delete(folder, true);
        }

        [Fact]
        public void ADisposedClassifierSaysSo()
        {
            TextClassifier disposed = TextClassifier.Load(Folder);
            disposed.Dispose();
            Assert.Throws<ObjectDisposedException>(() => disposed.Classify("a text"));
        }
    }
}
