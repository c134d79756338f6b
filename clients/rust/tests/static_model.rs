//! Against the folder of a real model, which the environment variable `M2V_ONNX_MODEL` names.

use std::error::Error as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs, thread};

use m2v_onnx::{Error, StaticModel};
use serde_json::Value;
use tempfile::TempDir;

const BOUND: f32 = 1e-5;

static MODEL: LazyLock<StaticModel> = LazyLock::new(|| StaticModel::load(folder()).unwrap());
static GOLDENS: LazyLock<(Vec<String>, Vec<Vec<f32>>)> = LazyLock::new(|| {
    let content = fs::read(folder().join("goldens.json")).unwrap();
    let content: Value = serde_json::from_slice(&content).unwrap();
    let read = |name: &str| content[name].clone();
    (
        serde_json::from_value(read("texts")).unwrap(),
        serde_json::from_value(read("vectors")).unwrap(),
    )
});

fn folder() -> PathBuf {
    env::var_os("M2V_ONNX_MODEL")
        .expect("set M2V_ONNX_MODEL to a folder that holds the graphs ids, text, codepoints")
        .into()
}

/// A folder whose text graph holds these bytes.
fn folder_with_graph(bytes: &[u8]) -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("onnx")).unwrap();
    fs::write(folder.path().join("onnx/model_text.onnx"), bytes).unwrap();
    folder
}

fn graph_bytes(name: &str) -> Vec<u8> {
    fs::read(folder().join("onnx").join(name)).unwrap()
}

fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>]) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len());
        let is_close = |(a, b): (&f32, &f32)| (a - b).abs() <= BOUND;
        assert!(found.iter().zip(expected).all(is_close), "text {index}");
    }
}

#[test]
fn equals_the_goldens() {
    let (texts, vectors) = &*GOLDENS;
    assert_close(&MODEL.encode(texts).unwrap(), vectors);
}

#[test]
fn a_text_alone_equals_the_same_text_among_others() {
    let (texts, vectors) = &*GOLDENS;
    for (text, vector) in texts.iter().zip(vectors) {
        assert_close(
            &MODEL.encode(&[text]).unwrap(),
            std::slice::from_ref(vector),
        );
    }
}

#[test]
fn many_texts_keep_their_order() {
    let (texts, vectors) = &*GOLDENS;
    let n_texts = 1_000;
    let many: Vec<&str> = texts
        .iter()
        .map(String::as_str)
        .cycle()
        .take(n_texts)
        .collect();
    let expected: Vec<Vec<f32>> = vectors.iter().cloned().cycle().take(n_texts).collect();
    assert_close(&MODEL.encode(&many).unwrap(), &expected);
}

#[test]
fn eight_threads_share_a_model() {
    let (texts, vectors) = &*GOLDENS;
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_close(&MODEL.encode(texts).unwrap(), vectors);
                }
            });
        }
    });
}

#[test]
fn no_texts_give_no_vectors() {
    assert!(MODEL.encode::<&str>(&[]).unwrap().is_empty());
}

#[test]
fn a_text_without_a_known_token_gives_zeros() {
    assert_eq!(MODEL.encode(&[""]).unwrap(), [vec![0.0; MODEL.dim()]]);
}

#[test]
fn a_nul_counts_as_nothing() {
    let vectors = MODEL.encode(&["a\0b c\0", "ab c"]).unwrap();
    assert_eq!(vectors[0], vectors[1]);
    assert!(vectors[0].iter().any(|&number| number != 0.0));
}

#[test]
fn a_long_text_is_cut_like_the_goldens() {
    let text = "word ".repeat(100_000);
    let shorter = "word ".repeat(1_000);
    let vectors = MODEL.encode(&[text, shorter]).unwrap();
    assert_eq!(vectors[0], vectors[1]);
}

#[test]
fn a_folder_without_the_graph_is_an_error() {
    let error = StaticModel::load("nowhere").unwrap_err();
    assert!(
        matches!(&error, Error::NoGraph { path } if path == Path::new("nowhere/onnx/model_text.onnx"))
    );
    assert!(error.to_string().contains("--graph ids,text"), "{error}");
}

#[test]
fn a_graph_of_another_kind_is_an_error() {
    for name in ["model.onnx", "model_codepoints.onnx"] {
        let folder = folder_with_graph(&graph_bytes(name));
        let error = StaticModel::load(folder.path()).unwrap_err();
        assert!(matches!(error, Error::OtherGraph { .. }), "{error}");
        assert!(error.to_string().contains("`text` (strings)"), "{error}");
    }
}

#[test]
fn a_damaged_graph_is_an_error() {
    let whole = graph_bytes("model_text.onnx");
    for n_bytes in [0, 100, whole.len() / 2, whole.len() - 1] {
        let folder = folder_with_graph(&whole[..n_bytes]);
        let error = StaticModel::load(folder.path()).unwrap_err();
        assert!(
            matches!(error, Error::UnreadableGraph { .. }),
            "{n_bytes} bytes: {error}"
        );
        assert!(error.source().is_some());
    }
}

/// In a process of its own, as onnxruntime is opened once per process.
#[test]
fn without_onnxruntime_loading_is_an_error() {
    const LIBRARY: &str = "nowhere/libonnxruntime.so";
    if env::var_os("ORT_DYLIB_PATH").is_some_and(|path| path == LIBRARY) {
        let error = StaticModel::load(folder()).unwrap_err();
        assert!(matches!(&error, Error::Runtime { library, .. } if library == Path::new(LIBRARY)));
        assert!(error.to_string().contains("set ORT_DYLIB_PATH"), "{error}");
        return;
    }
    let test = "without_onnxruntime_loading_is_an_error";
    let child = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("ORT_DYLIB_PATH", LIBRARY)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && output.contains("1 passed"),
        "{output}"
    );
}

#[test]
fn a_model_may_be_shared_and_sent() {
    fn assert_send_and_sync<T: Send + Sync>() {}
    assert_send_and_sync::<StaticModel>();
    assert_send_and_sync::<Error>();
}
