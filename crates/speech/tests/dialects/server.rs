//! Small servers that the tests script.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Multipart;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};

/// Serves `routes` until the test ends and gives the base address.
pub(crate) async fn serve(routes: Router) -> String {
    serve_at(TcpListener::bind("127.0.0.1:0").await.unwrap(), routes)
}

/// The same on a port that is taken already.
pub(crate) fn serve_at(listener: TcpListener, routes: Router) -> String {
    install_provider();
    let url = base(listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

/// Answers every request with exactly these bytes, then closes the connection.
pub(crate) async fn serve_bytes(answer: Vec<u8>) -> String {
    install_provider();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = base(listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 1 << 16];
            let _beginning = connection.read(&mut request).await.unwrap();
            connection.write_all(&answer).await.unwrap();
            // What is left of the request is read, or its reset would overtake the answer.
            connection.shutdown().await.unwrap();
            while connection
                .read(&mut request)
                .await
                .is_ok_and(|length| length > 0)
            {}
        }
    });
    url
}

/// A port that is taken but refuses connections, until it is made to listen.
pub(crate) fn nobody() -> (TcpSocket, String) {
    install_provider();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = base(socket.local_addr().unwrap());
    (socket, url)
}

fn base(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// An HTTP answer whose body is shorter than it says.
pub(crate) fn cut_short(content_type: &str, body: &[u8], length: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The fields of a form by name.
pub(crate) type Fields = HashMap<String, Vec<u8>>;

/// Reads the fields of a form; a file's bytes are under its field's name.
pub(crate) async fn fields(mut form: Multipart) -> Fields {
    let mut fields = HashMap::new();
    while let Some(field) = form.next_field().await.unwrap() {
        let name = field.name().unwrap().to_owned();
        fields.insert(name, field.bytes().await.unwrap().to_vec());
    }
    fields
}

/// What a server was asked, for the test to look at.
#[derive(Clone, Debug)]
pub(crate) struct Log<T>(Arc<Mutex<Vec<T>>>);

impl<T> Log<T> {
    pub(crate) fn new() -> Self {
        Self(Arc::default())
    }

    pub(crate) fn note(&self, entry: T) {
        self.0.lock().unwrap().push(entry);
    }

    pub(crate) fn take(&self) -> Vec<T> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Says when it is dropped: a server's handler is dropped when its client goes away.
pub(crate) struct Gone(pub(crate) Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.take().unwrap().send(()).ok();
    }
}

fn install_provider() {
    // A second installation fails, which is as good.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
}
