using System.IO;
using System.Linq;
using M2vOnnx.Checks;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Xunit;

namespace M2vOnnx.Tests
{
    /// <summary>The shortest way, without the class: what the README and a model card say of it.</summary>
    [Collection("model")]
    public class TextGraphTests
    {
        [Fact]
        public void GivesTheGoldens()
        {
            // The assembly that check.sh runs ends a string at its first NUL, current ones do not.
            int[] kept = Enumerable.Range(0, StaticModelTests.Goldens.Texts.Length)
                .Where(i => !StaticModelTests.Goldens.Texts[i].Contains('\0')).ToArray();
            float[][] expected = kept.Select(i => StaticModelTests.Goldens.Vectors[i]).ToArray();
            float[][] found = Run(kept.Select(i => StaticModelTests.Goldens.Texts[i]).ToArray());
            Assert.InRange(Goldens.LargestDifference(expected, found), 0, Goldens.Bound);
        }

        [Fact]
        public void TakesALoneSurrogateForAReplacementCharacter()
        {
            float[][] vectors = Run("a \uD83D secret", "a \uFFFD secret");
            Assert.Equal(vectors[1], vectors[0]);
        }

        private static float[][] Run(params string[] texts)
        {
            using (var session = new InferenceSession(
                Path.Combine(StaticModelTests.Folder, "onnx", "model_text.onnx")))
            {
                var input = NamedOnnxValue.CreateFromTensor(
                    "text", new DenseTensor<string>(texts, new[] { texts.Length }));
                using (var outputs = session.Run(new[] { input }))
                {
                    Tensor<float> vectors = outputs.Single().AsTensor<float>();
                    int dimension = vectors.Dimensions[1];
                    return Enumerable.Range(0, texts.Length)
                        .Select(i => Enumerable.Range(0, dimension).Select(j => vectors[i, j]).ToArray()).ToArray();
                }
            }
        }
    }
}
