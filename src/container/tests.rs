use super::*;
#[test]
fn dump() {
    let dir = "tests/fixtures/container";
    let mut names: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    for name in names {
        let bytes = std::fs::read(format!("{dir}/{name}")).unwrap();
        let init = name.strip_suffix(".m4s").map(|n| {
            let (base, _) = n.rsplit_once('_').unwrap();
            let mut i = Inspector::new(None);
            i.push(&std::fs::read(format!("{dir}/{base}_init.mp4")).unwrap());
            i.finish().1.unwrap()
        });
        let mut i = Inspector::new(init.as_ref());
        i.push(&bytes);
        let (r, init) = i.finish();
        println!("{name} {:?} {:?} {} {:?}", r.container, r.defects, r.encrypted, r.ts);
        for t in r.tracks { println!("   {t:?} {:?}", t.duration()); }
        println!("   {init:?}");
    }
}
