-- The file that `image_store.ImageStore` creates; a file of an earlier version gets what is new.
-- Columns of later versions are in `image_store.ADDED_COLUMNS`.
CREATE TABLE IF NOT EXISTS image (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,            -- absolute, without undecodable bytes (`escape_name`)
    patient TEXT NOT NULL,
    source TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT 'random', -- why it comes when it comes
    priority REAL NOT NULL DEFAULT 0,     -- lowest first, then by position
    position REAL NOT NULL,               -- random in 0 .. 1, from the seed and the name
    needed INTEGER NOT NULL,              -- how many people are to label it
    missing INTEGER NOT NULL,             -- `needed` minus the labels it has
    present INTEGER NOT NULL,             -- in the collection of the latest start
    error TEXT NOT NULL DEFAULT '',       -- why it cannot be shown
    suggestion TEXT NOT NULL DEFAULT '',  -- the model's verdict
    p_lateral REAL,
    suggested_by TEXT NOT NULL DEFAULT '' -- name and hash of the model
);
CREATE INDEX IF NOT EXISTS image_order ON image (priority, position)
    WHERE missing > 0 AND present AND error = '';
CREATE INDEX IF NOT EXISTS image_for_two ON image (id)
    WHERE needed > 1 AND missing > 0 AND present AND error = '';
-- Images that somebody is still to label
CREATE VIEW IF NOT EXISTS open_image AS SELECT * FROM image WHERE missing > 0 AND present AND error = '';
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch TEXT NOT NULL,                  -- of the request; one that is repeated is stored once
    image INTEGER NOT NULL REFERENCES image,
    labeler TEXT NOT NULL,
    label TEXT NOT NULL,                  -- '' for an undo
    at TEXT NOT NULL,
    seconds REAL NOT NULL,                -- from the appearance of the image to the key
    suggestion TEXT NOT NULL,
    was_visible INTEGER NOT NULL,         -- whether the person saw the suggestion
    undoes INTEGER UNIQUE REFERENCES event,
    UNIQUE (batch, labeler, image)
);
CREATE INDEX IF NOT EXISTS event_of_labeler ON event (labeler, id);
CREATE INDEX IF NOT EXISTS event_of_image ON event (image, labeler, id);
CREATE TABLE IF NOT EXISTS latest (
    image INTEGER NOT NULL, labeler TEXT NOT NULL, event INTEGER NOT NULL, label TEXT NOT NULL,
    PRIMARY KEY (image, labeler)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS latest_of_labeler ON latest (labeler, event, label);
CREATE INDEX IF NOT EXISTS latest_of_label ON latest (label);
CREATE TABLE IF NOT EXISTS lease (
    image INTEGER NOT NULL, labeler TEXT NOT NULL, tab TEXT NOT NULL,
    rank REAL NOT NULL,                   -- order on the page
    is_skipped INTEGER NOT NULL DEFAULT 0,
    until REAL NOT NULL,                  -- seconds since 1970
    PRIMARY KEY (image, labeler)
);
-- What a model found in an image, from which `label_model` predicts
CREATE TABLE IF NOT EXISTS feature (
    image INTEGER PRIMARY KEY REFERENCES image,
    model TEXT NOT NULL,                  -- name and hash
    p_lateral REAL NOT NULL,
    p_chest REAL NOT NULL,
    vector BLOB NOT NULL
);
