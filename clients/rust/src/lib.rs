//! Static embeddings of m2v-onnx: text in, vectors or labels out, by onnxruntime alone.
//!
//! The graph `onnx/model_text.onnx` of a model's folder holds tokenizer and table. Write the folder
//! with `m2v-onnx export MODEL FOLDER --graph ids,text`.
//!
//! ```no_run
//! let model = m2v_onnx::StaticModel::load("my-model")?;
//! let vectors = model.encode(&["It's dangerous to go alone!", "It's a secret to everybody."])?;
//! assert_eq!(vectors[0].len(), model.dim());
//! # Ok::<(), m2v_onnx::Error>(())
//! ```

mod classifier;

use std::env;
use std::error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::session::{Session, builder::SessionBuilder};
use ort::value::{Outlet, Tensor, TensorElementType, ValueType};

pub use classifier::{Classification, TextClassifier};

const GRAPH: &str = "onnx/model_text.onnx";
const INPUT: &str = "text";
const OUTPUT: &str = "sentence_embedding";

/// Texts that go through the graph at once, and the bytes, with padding, that they have together.
/// A longer text goes alone.
const BATCH_TEXTS: usize = 64;
const BATCH_BYTES: usize = 1 << 16;

/// onnxruntime allows one environment per process.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// A static embedding model, ready to encode.
///
/// Threads may share it, and take turns then: one model keeps one core busy. For more throughput,
/// load one per thread.
#[derive(Debug)]
pub struct StaticModel {
    session: Mutex<Session>,
    dim: usize,
}

impl StaticModel {
    /// Loads the model in a folder: its graph `onnx/model_text.onnx`.
    ///
    /// # Errors
    ///
    /// What [`environment`] and [`StaticModel::load_graph`] give.
    pub fn load(folder: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_graph(&environment()?, folder.as_ref().join(GRAPH))
    }

    /// Loads a graph that takes text from its file, as `onnx/model_text_quantized.onnx`.
    ///
    /// # Errors
    ///
    /// [`Error::NoGraph`] without such a file, [`Error::UnreadableGraph`] when onnxruntime refuses
    /// it, [`Error::OtherGraph`] when it does not turn text into vectors.
    pub fn load_graph(environment: &Environment, path: impl Into<PathBuf>) -> Result<Self, Error> {
        let path = path.into();
        let session = open_session(environment, &path)?;
        let Some(dim) = output_width(&session, OUTPUT) else {
            let found = describe(&session);
            return Err(Error::OtherGraph { path, found });
        };
        Ok(Self {
            session: Mutex::new(session),
            dim,
        })
    }

    /// The length of every vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Embeds texts: a vector of [`StaticModel::dim`] numbers for each, in the texts' order.
    ///
    /// A text without a known token gives zeros. A NUL in a text counts as nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] when onnxruntime fails, as when memory is short.
    pub fn encode<S: AsRef<str>>(&self, texts: &[S]) -> Result<Vec<Vec<f32>>, Error> {
        let [vectors] = run(&self.session, texts, [OUTPUT])?;
        Ok(vectors)
    }
}

/// The rows of some outputs for each text, in the texts' order.
fn run<S: AsRef<str>, const N: usize>(
    session: &Mutex<Session>,
    texts: &[S],
    outputs: [&str; N],
) -> Result<[Vec<Vec<f32>>; N], Error> {
    let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    let mut rows = [(); N].map(|()| vec![Vec::new(); texts.len()]);
    for batch in batches(&texts) {
        let found = run_batch(session, batch.iter().map(|&index| texts[index]), outputs)
            .map_err(|source| Error::Encode { source })?;
        for (rows, found) in rows.iter_mut().zip(found) {
            for (&index, row) in batch.iter().zip(found) {
                rows[index] = row;
            }
        }
    }
    Ok(rows)
}

fn run_batch<'a, const N: usize>(
    session: &Mutex<Session>,
    texts: impl Iterator<Item = &'a str>,
    outputs: [&str; N],
) -> ort::Result<Vec<Vec<Vec<f32>>>> {
    // onnxruntime's C API ends a string at its first NUL.
    let texts: Vec<String> = texts.map(|text| text.replace('\0', "")).collect();
    let input = Tensor::from_string_array(([texts.len()], &*texts))?;
    // A run that panicked leaves nothing in the session that a later one could see.
    let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
    let found = session.run(ort::inputs![INPUT => input])?;
    outputs
        .iter()
        .map(|&output| {
            let (_, numbers) = found[output].try_extract_tensor::<f32>()?;
            let width = numbers.len() / texts.len();
            Ok(numbers.chunks_exact(width).map(<[f32]>::to_vec).collect())
        })
        .collect()
}

/// Why a model could not be loaded, or texts not be encoded.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// onnxruntime could not be opened.
    Runtime {
        /// Its library.
        library: PathBuf,
        /// Why.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// There is no such graph.
    NoGraph {
        /// The file that is missing.
        path: PathBuf,
    },
    /// onnxruntime does not load the file: it is damaged, or made for a later version.
    UnreadableGraph {
        /// The file.
        path: PathBuf,
        /// What onnxruntime says.
        source: ort::Error,
    },
    /// The graph does not take text.
    OtherGraph {
        /// Its file.
        path: PathBuf,
        /// Its inputs and outputs.
        found: String,
    },
    /// The graph is none of a classifier, or does not say its labels.
    NoClassifier {
        /// Its file.
        path: PathBuf,
        /// Its inputs, outputs, and number of labels.
        found: String,
    },
    /// onnxruntime failed while it encoded.
    Encode {
        /// What onnxruntime says.
        source: ort::Error,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime { library, source } => write!(
                f,
                "expected onnxruntime 1.24.1 or later in {}, found none that opens ({source}): set \
                 ORT_DYLIB_PATH to the library, which is capi/libonnxruntime.so.* in the Python \
                 package onnxruntime; in an app with an `ort` environment of its own, call load_graph",
                library.display()
            ),
            Self::NoGraph { path } => write!(
                f,
                "expected the graph {}, found no such file: write the folder with \
                 `m2v-onnx export MODEL FOLDER --graph ids,text`",
                path.display()
            ),
            Self::UnreadableGraph { path, source } => write!(
                f,
                "expected a graph in {}, found a file that onnxruntime does not load ({source}): \
                 copy or export the folder again, and use onnxruntime 1.24.1 or later",
                path.display()
            ),
            Self::OtherGraph { path, found } => write!(
                f,
                "expected a graph from `{INPUT}` (strings) to `{OUTPUT}` (float32) in {}, found \
                 {found}: write the folder with `m2v-onnx export MODEL FOLDER --graph ids,text`",
                path.display()
            ),
            Self::NoClassifier { path, found } => write!(
                f,
                "expected the graph of a classifier from `{INPUT}` (strings) in {}, found {found}: write the \
                 folder with `m2v-onnx train MODEL DATA FOLDER --graph text`",
                path.display()
            ),
            Self::Encode { source } => write!(f, "onnxruntime could not encode: {source}"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Runtime { source, .. } => Some(source.as_ref()),
            Self::UnreadableGraph { source, .. } | Self::Encode { source } => Some(source),
            Self::NoGraph { .. } | Self::OtherGraph { .. } | Self::NoClassifier { .. } => None,
        }
    }
}

/// Opens onnxruntime, once per process.
///
/// It is the library, 1.24.1 or later, that the environment variable `ORT_DYLIB_PATH` names; without
/// it, the one that the system's loader finds. An app that chooses the library itself, or has an
/// environment for other models, gives its own to [`StaticModel::load_graph`].
///
/// # Errors
///
/// [`Error::Runtime`] when there is no such library, or when the app has an environment already.
pub fn environment() -> Result<Environment, Error> {
    // `ort` alone would panic where the library is missing.
    let mut shared = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = &*shared {
        return Ok(environment.clone());
    }
    let library = env::var_os("ORT_DYLIB_PATH")
        .filter(|path| !path.is_empty())
        .map_or_else(|| library_name().into(), PathBuf::from);
    let built = ort::init_from(&library)
        .map_err(Into::into)
        .and_then(|builder| builder.build().map_err(Into::into));
    match built {
        Ok(environment) => Ok(shared.insert(environment).clone()),
        Err(source) => Err(Error::Runtime { library, source }),
    }
}

/// What the system's loader knows onnxruntime by.
fn library_name() -> String {
    let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
    format!("{prefix}onnxruntime{suffix}")
}

fn session_builder(environment: &Environment) -> ort::Result<SessionBuilder> {
    // The graph's operators are too small to be worth a thread pool.
    Ok(Session::builder(environment)?.with_intra_threads(1)?)
}

fn open_session(environment: &Environment, path: &Path) -> Result<Session, Error> {
    if !path.is_file() {
        let path = path.into();
        return Err(Error::NoGraph { path });
    }
    session_builder(environment)
        .and_then(|mut builder| builder.commit_from_file(path))
        .map_err(|source| Error::UnreadableGraph {
            path: path.into(),
            source,
        })
}

/// The columns of an output; None when the graph does not turn text into rows of numbers under this name.
fn output_width(session: &Session, name: &str) -> Option<usize> {
    let [input] = session.inputs() else {
        return None;
    };
    let output = session
        .outputs()
        .iter()
        .find(|output| output.name() == name)?;
    let takes_text =
        input.name() == INPUT && input.dtype().tensor_type() == Some(TensorElementType::String);
    match output.dtype() {
        ValueType::Tensor {
            ty: TensorElementType::Float32,
            shape,
            ..
        } if takes_text => usize::try_from(*shape.last()?).ok().filter(|&dim| dim > 0),
        _ => None,
    }
}

fn describe(session: &Session) -> String {
    let describe = |outlets: &[Outlet]| {
        let outlets: Vec<String> = outlets
            .iter()
            .map(|outlet| format!("`{}` ({})", outlet.name(), outlet.dtype()))
            .collect();
        outlets.join(", ")
    };
    let (inputs, outputs) = (describe(session.inputs()), describe(session.outputs()));
    format!("{inputs} to {outputs}")
}

/// Indices of texts of about the same length: the graph pads a batch to its longest text.
fn batches(texts: &[&str]) -> Vec<Vec<usize>> {
    let mut by_length: Vec<usize> = (0..texts.len()).collect();
    by_length.sort_by_key(|&index| texts[index].len());
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for index in by_length {
        let n_bytes = texts[index].len();
        match batches.last_mut() {
            Some(batch)
                if batch.len() < BATCH_TEXTS && (batch.len() + 1) * n_bytes <= BATCH_BYTES =>
            {
                batch.push(index);
            }
            _ => batches.push(vec![index]),
        }
    }
    batches
}
