//! Text classifiers: text in, labels out.

use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::str::Chars;
use std::sync::Mutex;

use ort::environment::Environment;
use ort::session::Session;

use crate::{Error, GRAPH, describe, environment, open_session, output_width, run};

const LOGITS: &str = "logits";
const PROBABILITIES: &str = "probabilities";

/// A label of a text, and how probable it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Classification {
    /// The label.
    pub label: String,
    /// How probable it is, from 0 to 1.
    pub probability: f32,
}

/// A text classifier, ready to run: a label and its probability for any text.
///
/// Threads may share it, and take turns then, as with [`crate::StaticModel`].
///
/// ```no_run
/// let classifier = m2v_onnx::TextClassifier::load("my-classifier")?;
/// let found = classifier.classify("Striker scores twice in the final")?;
/// println!("{} {}", found.label, found.probability);
/// # Ok::<(), m2v_onnx::Error>(())
/// ```
#[derive(Debug)]
pub struct TextClassifier {
    session: Mutex<Session>,
    labels: Vec<String>,
}

impl TextClassifier {
    /// Loads the classifier in a folder: its graph `onnx/model_text.onnx`.
    ///
    /// # Errors
    ///
    /// What [`environment`] and [`TextClassifier::load_graph`] give.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_graph(&environment()?, folder.as_ref().join(GRAPH))
    }

    /// Loads a classifier's graph that takes text from its file, as `onnx/model_text_quantized.onnx`.
    ///
    /// # Errors
    ///
    /// [`Error::NoGraph`] without such a file, [`Error::UnreadableGraph`] when onnxruntime refuses
    /// it, [`Error::NoClassifier`] when it gives no labels.
    pub fn load_graph(environment: &Environment, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let session = open_session(environment, &path)?;
        let labels = session
            .metadata()
            .ok()
            .and_then(|metadata| metadata.custom("labels"))
            .map_or_else(Vec::new, |json| read_strings(&json));
        let width = output_width(&session, LOGITS);
        if output_width(&session, PROBABILITIES) != width || width != Some(labels.len()) {
            let found = format!("{} and {} labels", describe(&session), labels.len());
            return Err(Error::NoClassifier { path, found });
        }
        Ok(Self {
            session: Mutex::new(session),
            labels,
        })
    }

    /// All labels, in the order of the graph.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// The likeliest label of a text; without a known token, what is likeliest of any text.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] when onnxruntime fails, as when memory is short.
    pub fn classify(&self, text: &str) -> Result<Classification, Error> {
        Ok(self.classify_all(&[text])?.remove(0))
    }

    /// The likeliest label of each text, in the texts' order.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] when onnxruntime fails, as when memory is short.
    pub fn classify_all<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Classification>, Error> {
        let ranked = self.rank_all(texts)?;
        Ok(ranked
            .into_iter()
            .map(|mut labels| labels.remove(0))
            .collect())
    }

    /// All labels of a text, the likeliest first.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] when onnxruntime fails, as when memory is short.
    pub fn rank(&self, text: &str) -> Result<Vec<Classification>, Error> {
        Ok(self.rank_all(&[text])?.remove(0))
    }

    fn rank_all<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Vec<Classification>>, Error> {
        let [logits, probabilities] = run(&self.session, texts, [LOGITS, PROBABILITIES])?;
        let rows = logits.iter().zip(&probabilities);
        Ok(rows
            .map(|(logits, probabilities)| {
                let mut order: Vec<usize> = (0..self.labels.len()).collect();
                // By logits: probabilities near 1 may be equal. The sort keeps the order of equal ones.
                order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
                let labelled = order.into_iter().map(|column| Classification {
                    label: self.labels[column].clone(),
                    probability: probabilities[column],
                });
                labelled.collect()
            })
            .collect())
    }
}

/// The strings of a JSON list of strings, as it stands in a graph's metadata.
fn read_strings(json: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = json.chars().peekable();
    while let Some(character) = rest.next() {
        if character == '"' {
            strings.push(read_string(&mut rest));
        }
    }
    strings
}

/// The string up to the next quote. JSON writes what is above U+FFFF as two halves.
fn read_string(rest: &mut Peekable<Chars>) -> String {
    let mut units: Vec<u16> = Vec::new();
    while let Some(character) = rest.next().filter(|&character| character != '"') {
        let meant = match character {
            '\\' => match rest.next() {
                Some('u') => {
                    let digits: String = rest.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(0xFFFD));
                    continue;
                }
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(meant.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::read_strings;

    #[test]
    fn labels_may_be_any_text() {
        let json = r#"["plain", "\"quoted\", \\ and \t\n", "\ud83d\ude00 \u00f1", ""]"#;
        let labels = ["plain", "\"quoted\", \\ and \t\n", "\u{1F600} \u{f1}", ""];
        assert_eq!(read_strings(json), labels);
        assert!(read_strings("").is_empty());
    }
}
