//! `aether-proxy report` and `who` against an operators' listener that asks for a certificate.

use super::run;
use crate::harness::proxy::ProxyOptions;
use crate::pki::{Authority, Folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_with_a_certificate_is_answered_and_nobody_else() {
    let (authority, strangers) = (Authority::new(), Authority::new());
    let (theirs, own, foreign) =
        (Folder::with(&authority.sign()), Folder::with(&authority.sign()), Folder::with(&strangers.sign()));
    let files = theirs.mutual(&authority);
    let mut options = ProxyOptions::default().line("[listen.admin_tls]");
    for (name, file) in [("certificate", &files.certificate), ("key", &files.key), ("client_ca", &files.client_ca)] {
        options = options.line(&format!("{name} = \"{}\"", file.as_ref().unwrap().display()));
    }
    let proxy = options.start().await;
    let file = |file: Option<std::path::PathBuf>| file.unwrap().to_str().unwrap().to_owned();
    let (own, foreign, ca) = (own.settings(), foreign.settings(), file(files.client_ca));
    let (cert, key, other_cert, other_key) =
        (file(own.certificate), file(own.key), file(foreign.certificate), file(foreign.key));
    let url = format!("https://localhost:{}", proxy.admin().port());
    let all = move || {
        let ask = |more: &[&str]| run(&[&["who", "--url", &url, "--ca", &ca][..], more].concat());
        let shown = ask(&["--cert", &cert, "--key", &key]);
        assert_eq!((shown.code, shown.err.as_str()), (0, ""));
        for (more, code, said) in [
            (&[][..], 69, ""),
            (&["--cert", &other_cert, "--key", &other_key], 69, ""),
            (&["--cert", &cert], 64, "--key"),
            (&["--cert", &cert, "--key", &other_key], 1, "is not the key of the certificate"),
            (&["--cert", &cert, "--key", &cert], 1, "holds no private key"),
            (&["--cert", &key, "--key", &key], 1, "holds no certificate"),
        ] {
            let refused = ask(more);
            assert_eq!((refused.code, refused.out.as_str()), (code, ""), "{more:?}: {refused:?}");
            assert!(refused.err.contains(said) && !refused.err.contains("BEGIN"), "{more:?}: {refused:?}");
        }
        let plain = run(&["who", "--url", "http://localhost:1", "--cert", &cert, "--key", &key]);
        assert!(plain.code == 64 && plain.err.contains("over https"), "{plain:?}");
    };
    tokio::task::spawn_blocking(all).await.expect("it ends");
}
