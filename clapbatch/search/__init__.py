"""Questions about stored songs: search, similar songs, playlists, labels, duplicates."""
