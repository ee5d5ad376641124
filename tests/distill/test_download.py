import hashlib
import http.server
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from mmocr_kd.distill import CheckpointError, read_weights
from mmocr_kd.distill.download import download

CUT = 1000


class Files(http.server.BaseHTTPRequestHandler):
    """Serves ``server.files``; below /cut/ it hangs up, below /chunked/ it gives no length."""

    def do_GET(self):
        self.server.asked.append(self.path)
        content = self.server.files.get(self.path.partition('?')[0])
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        if not self.path.startswith('/chunked/'):
            self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content[:CUT] if self.path.startswith('/cut/') else content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.hub, '_hub_dir', str(tmp_path / 'hub'))
    server = http.server.ThreadingHTTPServer(('localhost', 0), Files)
    server.files, server.asked = {}, []
    server.root = f'http://localhost:{server.server_port}'
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def weights(tmp_path, value, size=100):
    torch.save({'state_dict': {'w': torch.full((size, ), float(value))}}, tmp_path / 'w.pth')
    return (tmp_path / 'w.pth').read_bytes()


def kept(tmp_path):
    return list((tmp_path / 'hub' / 'checkpoints').iterdir())


def test_a_file_grows_beside_where_it_is_kept(server, tmp_path, monkeypatch):
    """The folder for temporary files may be too small, or on another disk."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path / 'nowhere'))
    server.files['/w.pth'] = weights(tmp_path, 1)
    assert (read_weights(f'{server.root}/w.pth')['w'] == 1).all()


def test_addresses_that_end_alike_are_told_apart(server, tmp_path):
    for value in (1, 2):
        server.files[f'/run{value}/epoch_1.pth'] = weights(tmp_path, value)
    for value in (1, 2, 1, 2):
        assert (read_weights(f'{server.root}/run{value}/epoch_1.pth')['w'] == value).all()
    assert len(server.asked) == 2  # each was fetched once


def test_queries_belong_to_the_address(server, tmp_path):
    server.files['/get/t.pth'] = weights(tmp_path, 1)
    assert download(f'{server.root}/get/t.pth?v=1') != download(f'{server.root}/get/t.pth?v=2')
    assert len(server.asked) == 2


def test_a_download_that_breaks_off_is_not_kept(server, tmp_path):
    server.files['/cut/t.pth'] = weights(tmp_path, 1)
    for _ in range(2):  # the second finds no half file to trust
        with pytest.raises(CheckpointError, match=f'broke off after {CUT} of'):
            read_weights(f'{server.root}/cut/t.pth')
    assert not kept(tmp_path)


def test_without_a_length_the_content_counts(server, tmp_path):
    server.files['/chunked/t.pth'] = weights(tmp_path, 3)
    assert (read_weights(f'{server.root}/chunked/t.pth')['w'] == 3).all()


def test_the_hash_in_a_name_has_to_agree(server, tmp_path):
    content = weights(tmp_path, 1)
    digest = hashlib.sha256(content).hexdigest()
    good, bad = (f'/dbnet_20221102_115917-{h[:8]}.pth' for h in (digest, '54f50589'))
    server.files |= {good: content, bad: content}
    assert (read_weights(server.root + good)['w'] == 1).all()
    with pytest.raises(CheckpointError, match=f'SHA-256 {digest}, its name promises 54f50589'):
        read_weights(server.root + bad)
    assert len(kept(tmp_path)) == 1


def test_a_name_without_hash_is_no_promise(server, tmp_path):
    server.files['/a-2022.pth'] = server.files['/deadbeef.pth'] = weights(tmp_path, 1)
    assert read_weights(f'{server.root}/a-2022.pth') and read_weights(f'{server.root}/deadbeef.pth')


def test_processes_that_ask_at_once_all_get_the_whole_file(server, tmp_path):
    server.files['/t.pth'] = weights(tmp_path, 5, size=500_000)
    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(read_weights, [f'{server.root}/t.pth'] * 8))
    assert all((state['w'] == 5).all() and len(state['w']) == 500_000 for state in states)
    assert len(kept(tmp_path)) == 1


def test_addresses_that_answer_nothing_are_named(server):
    for address in (f'{server.root}/none.pth', 'http://localhost:9/t.pth'):
        with pytest.raises(CheckpointError, match=f'{address}.*cannot be downloaded'):
            read_weights(address)


def test_what_is_no_checkpoint_names_the_file_to_delete(server, tmp_path):
    server.files['/t.pth'] = b'<html>please log in</html>'
    with pytest.raises(CheckpointError, match='cannot be read as weights') as caught:
        read_weights(f'{server.root}/t.pth')
    assert str(kept(tmp_path)[0]) in str(caught.value)
