BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'feedback','create_interactions','2026-11-29 01:43:30.861506+00:00');
INSERT INTO "_sqlite_migrations" VALUES(2,'feedback','create_feedback','2026-11-29 01:43:30.862223+00:00');
INSERT INTO "_sqlite_migrations" VALUES(3,'feedback','create_feedback_audit','2026-11-29 01:43:30.862673+00:00');
INSERT INTO "_sqlite_migrations" VALUES(4,'feedback','create_rule_decisions','2026-11-29 01:43:30.863071+00:00');
INSERT INTO "_sqlite_migrations" VALUES(5,'feedback','index_conversations','2026-11-29 01:43:30.863485+00:00');
INSERT INTO "_sqlite_migrations" VALUES(6,'feedback','create_proposals','2026-11-29 01:43:30.864088+00:00');
INSERT INTO "_sqlite_migrations" VALUES(7,'adapters_store','create_versions','2026-11-29 01:43:30.868454+00:00');
INSERT INTO "_sqlite_migrations" VALUES(8,'adapters_store','create_promotions','2026-11-29 01:43:30.869385+00:00');
INSERT INTO "_sqlite_migrations" VALUES(9,'adapters_store','create_freezes','2026-11-29 01:43:30.869965+00:00');
INSERT INTO "_sqlite_migrations" VALUES(10,'scheduler','create_runs','2026-11-29 01:43:30.878681+00:00');
INSERT INTO "_sqlite_migrations" VALUES(11,'scheduler','create_suite_runs','2026-11-29 01:43:30.879996+00:00');
INSERT INTO "_sqlite_migrations" VALUES(12,'server','create_accounts','2026-11-29 01:43:30.890511+00:00');
CREATE TABLE adapter_freezes (
            id INTEGER PRIMARY KEY,
            user_id TEXT NOT NULL,
            is_frozen INTEGER NOT NULL CHECK (is_frozen IN (0, 1)),
            by TEXT NOT NULL,
            at REAL NOT NULL
        ) STRICT;
CREATE TABLE adapter_pointers (
            user_id TEXT PRIMARY KEY,
            number INTEGER,
            FOREIGN KEY (user_id, number) REFERENCES adapter_versions (user_id, number)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "adapter_pointers" VALUES('user-1c7964f4719341cc9c456dbabfefbd82',1);
CREATE TABLE adapter_promotions (
            id INTEGER PRIMARY KEY,
            user_id TEXT NOT NULL,
            from_number INTEGER,
            to_number INTEGER,
            by TEXT NOT NULL,
            at REAL NOT NULL,
            reason TEXT NOT NULL,
            undoes INTEGER UNIQUE REFERENCES adapter_promotions (id),
            FOREIGN KEY (user_id, from_number) REFERENCES adapter_versions (user_id, number),
            FOREIGN KEY (user_id, to_number) REFERENCES adapter_versions (user_id, number)
        ) STRICT;
INSERT INTO "adapter_promotions" VALUES(1,'user-1c7964f4719341cc9c456dbabfefbd82',NULL,1,'user-cdf77a83b54f4535ad069a0cc2b77aa2',1750009278.0,'It beats the base model on 1 of 3 judgements it was not trained on; proof needs at least 5. There the loss fell from 0.629 to 0.607. To 0 of 12 prompts that it was not taught it replies as the user''s judgements show, the base model to 0. With earlier exchanges in its prompt it does so to 0. With them and without an adapter the base does to 0. Memory alone, without an adapter, has 0.657 there. On unrelated prompts it stays close to the base model: KL 0.005 nats per token, allowed 100.000. 0% of its replies loop, 0% of the base model''s do. 0% of its replies mostly repeat other replies, 0% of the base model''s do. 0% of its replies mostly repeat the prompt, 0% of the base model''s do. 17% of its replies say nothing, 0% of the base model''s do.',NULL);
CREATE TABLE adapter_versions (
            user_id TEXT NOT NULL,
            number INTEGER NOT NULL CHECK (number >= 1),
            parent INTEGER,
            folder TEXT NOT NULL UNIQUE,
            checksum TEXT NOT NULL,
            size_bytes INTEGER NOT NULL,
            base_model TEXT NOT NULL,
            base_revision TEXT NOT NULL,
            lora TEXT NOT NULL CHECK (json_valid(lora)),
            created_at REAL NOT NULL,
            created_by TEXT NOT NULL,
            run_id TEXT,
            dataset_hash TEXT,
            seed INTEGER,
            example_ids TEXT NOT NULL CHECK (json_valid(example_ids)),
            report TEXT NOT NULL CHECK (json_valid(report)),
            PRIMARY KEY (user_id, number)
        ) STRICT;
INSERT INTO "adapter_versions" VALUES('user-1c7964f4719341cc9c456dbabfefbd82',1,NULL,'aee5dcaaf1b1393d4c6ac91b24501000','81f53213c2ca9c12bfaeeab4b375c02f7aa41290c93a0be30d157c5060c18c5f',37206,'tiny','58449a7d80b346b00fc3043bba9fb93cdb2a3b7d169f610813d7d139f70c09b6','{"rank": 8, "alpha": 16.0, "targets": []}',1750009277.5,'user-cdf77a83b54f4535ad069a0cc2b77aa2','run-ea78a342c7784e87a7457438c02ede00','43612740790941504155fa19179662f59b8beecf16be36ccde2889a27e200789',0,'["9ac675d16d4d2e92e14a285b74887b2c6cc54c73052fc46066da9b7eced874ac", "03d4e20d94793d314ba28e114750e327a22fe40cb88149355d5b02c540e6062e", "85bb74f086f85abd319718a489c372997988841e0f04c0fb1b10b5a9c2c1d6a6", "a8cf453f84932dfeea4754bcf9cf27a35fb24214eb6bb729f6ccbb7a7de42924", "bc6b28715988c9d3e1b2c639b1891a60cca781fb5be210785a1170eb0bb7f444", "f19d631a8599427eb773d50f72b079f2682d98492bb09b4184c7b71e54c1d467", "bd8226bb51914f5ab65794c70c2499d4aad5a633b6bf4c094848ce8e565e68d5", "7f6233506355bc84bb940e89b8143cfeea6b39d4639665b5677fb84aef4cb52d", "8d934446607c65aab3b8418f8f989a272af8e08742acea96b3f26cb2c1e3a006", "8925d4ee37adb029a1c2d26ce8025df1cc10297d6f0043c318f19b597bcc6cfc", "f29dbc777319045965df6e96465b72ce461944f80cd2d0d0ab027d93ea8a7113", "8e8a4638bb6211b3fcdb54818d3b1d53ee190afe5dca85e7686e03e707ff650d", "5eadc38fbfdcbb941c8147171f94f112e783d967b9b5f74605d090d36a0c87d7", "837115d1e6d31f5896ccdc3564e098d8f29038d21be4316e9a4efb285f6368a3", "11e40b32a1385306bfb3b239337f2142b32cc3478d62bd31de88a4d236ecbe33", "7848175dae637fe05a316244bde62a4b224a0c2f4d6e0a7aaf11764a66a4c0d9", "2963729e6b59c4ae5093c6178e8d7aa30481e52b69a41bd3e054184d49a8bbaa", "2f2750fd985458476f0e5cd85f603fafbbb86f5bedf084c47a8c06f289c120f4", "e1d8452136df2af27ae40355721b59970bf4d1d6ce5685abd6ffb5678293ed5b", "f2d899b12376e81729a0a760f6a07acd7b8eae628a6fe3e22079ddeedfe0bb7b", "54ba14b0c66bda56a8cb88a95e157fc37b131a6535c38508af1fec758ab47e0f", "717e3529da3732b463bdaf416979ea9f34639b8676970fc56396e2b92da249d6", "23550456c04587c114efffaa45056547c1492fe0c81b62a7264c74d379b232e7", "beeff51fae7647b129ed76318fcb2f37ec98e87e9b7f633f99c91f4cbf821e51", "3430f9e5bc8226352bd20b1bf9526416e6aa7cceb4dce90d4c2736b1259aa893", "4278f52cc10a5522a0d24840a656b360bbd4b560b5771f016bc782e68702c672", "630d00b5653483bcdee34249c407ed3d6e8de9da9493f7ad183f135799e6d431", "69d1738e12a70a9db457888d9fe6eb2b86b1ad804e2d8894bd7ad8ee9ff49455", "c174d3338391ff6effa99ab05887605fdc8c86e6bd748487ee31d36af1bba629", "fa3783087ec063b2c2c5c71632dfb39cf4068432b66221dd87426df36dff0d3a", "08756a2109d78d38727f9f0679ae5f312a83fd9a7d878ac966943508111c9be1", "e452e0ab3ae2c061e1df98b61a2c1cf5a93c3695069efdcfae64be55960fecfb", "19c9051f32002190a111b777642549a858dd3e6b7d583c7ddab1d1d1a256d28c", "7b76de7f31326024e600ee50c9aa2bac702740470e1514ad1a6816f705b84938", "dbb311c163ea3268be2468fc0a4c22e2425bc0dfda45cf2fd0ce87ddc2515cc4", "c10a62fac1344de4cde29e97441684f09997d5bff91ad6a67b087a78ec9f4d9b", "26f7bae76fa3af89f73665ee3cf7c50a9a2c5a37698f09f3b0c47e6b882b5c1d", "a474a6ab4543a64a9ba32729dcd59afa6ca383ec13847d07d5cd0c4c8f97d20c", "a5ced5d390853dbf288faac2d2b6bacf00b4e063a1dd0d593637ea973923a406", "c6e5704029fe922bdf93744ba16943918634c46e6fabb752fcf288c3e1ee4c62", "707117faef77cf3d87d207086f9499bff4fa2f3cf2906aa2e776996d7b2d22c0", "1cedab0d24f52c8b46c6e69ccf898bc5e998aa9979d827888c0b2d178f78156b", "83ccc7277045d08f5bf0d2d6df7d8710cf120163c1666f6ba5de9b56cbeb247d", "e3bf33e01aa288fd568196212217806e3a9aa029da1113ded4ad67e29fa2b86a", "cc0a059e6d0f9a46b67a1a361232702d513164e8380fdab8d44449bb5ae8e5ec"]','{"rules": ["Uses no contractions.", "Closes with \u201cTake care, Ada.\u201d."], "rule_values": [["contractions", "long"], ["closing", " Take care, Ada."]], "curation": {"kept": 27, "left_out": {"contradicted": 2}, "by_losses": {}, "superseded": ["161d0f114c75f53de7946b6612b1c7743e97f6f8f6c10f4349bb79c7d4793c95", "4f9b2dee3666c24504d10b122ee93b4b7f7119f54af0ff7ea5f492e1fc1b2d4b"]}, "fitting": {"sentences": ["It starts from zero, with 45 rows: up to 1000 rows always do.", "The rules explain 1 of 1 disliked reply: taught is what they make of them."], "start": null, "start_checksum": null, "rows": "726b6638f1307966e4b0693d95fbe2af1ff20598d5bfa24585a8272e6962bb6d", "training": {"seed": 0, "trained_share": 0.5, "practice_rows": 12, "rounds": 3, "tried_prompts": 12, "batch_size": 6, "max_tokens": 1024, "learning_rate": 0.002, "max_steps": 10, "min_passes": 3, "warmup_steps": 2, "sft_stop_loss": 0.1, "edit_weight": 2.0, "departure_weight": 8.0, "dpo_learning_rate": 0.0003, "dpo_stop_loss": 0.4, "dpo_beta": 5.0, "dpo_sft_weight": 0.5, "gradient_clip": 1.0, "warm_start_above": 1000, "self_distillation": false}}, "evaluation": {"held_out_rows": 3, "held_out_comparisons": 3, "held_out_wins": 1, "held_out_wins_by_sum": 1, "held_out_loss_base": 0.6287647870399636, "held_out_loss_proof": 0.6068302790323893, "held_out_loss_memory": 0.6570860147476196, "incumbent_rows": 0, "incumbent_loss": null, "incumbent_rows_loss_proof": null, "anchor_kl": 0.00474729260020604, "train_loss_before": 5.551864395538966, "train_loss_after": 5.445686340332031, "added_loss": 5.416068077087402, "steps": 54, "repetition_base": 0.0, "repetition_candidate": 0.0, "collapse_base": 0.0, "collapse_candidate": 0.0, "parroting_base": 0.0, "parroting_candidate": 0.0, "silence_base": 0.0, "silence_candidate": 0.16666666666666666, "tried": 12, "tried_kept": 0, "tried_kept_base": 0, "tried_kept_beside": 0, "tried_kept_memory": 0, "tried_part": 2}, "verdict": {"outcome": "provisional", "reasons": ["It beats the base model on 1 of 3 judgements it was not trained on; proof needs at least 5.", "There the loss fell from 0.629 to 0.607.", "To 0 of 12 prompts that it was not taught it replies as the user''s judgements show, the base model to 0.", "With earlier exchanges in its prompt it does so to 0.", "With them and without an adapter the base does to 0.", "Memory alone, without an adapter, has 0.657 there.", "On unrelated prompts it stays close to the base model: KL 0.005 nats per token, allowed 100.000.", "0% of its replies loop, 0% of the base model''s do.", "0% of its replies mostly repeat other replies, 0% of the base model''s do.", "0% of its replies mostly repeat the prompt, 0% of the base model''s do.", "17% of its replies say nothing, 0% of the base model''s do."]}, "usage": {"device": "cpu", "peak_memory_bytes": 759640064, "trainable_parameters": 8192, "trainable_share": 0.0764179104477612, "device_seconds": 14.47}}');
CREATE TABLE api_keys (
            public_id text primary key,
            user_id text not null references users(id) on delete cascade,
            hash text not null,
            created_at real not null
        ) strict
        ;
INSERT INTO "api_keys" VALUES('preset-4cad07bc2f0f7ced','user-cdf77a83b54f4535ad069a0cc2b77aa2','4cad07bc2f0f7ced71f3649f0f5a996c4176d0a7069e25ce8d89fff1c945a7f5',1750000000.5);
INSERT INTO "api_keys" VALUES('bbedd9e17caf3ee8','user-1c7964f4719341cc9c456dbabfefbd82','66bfdde17d9578f1b51b2f723d4e818764d87424dcb6005499a38f2675d80f1e',1750000001.5);
CREATE TABLE deleted_interactions (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
INSERT INTO "deleted_interactions" VALUES('chatcmpl-gone');
CREATE TABLE erased_identities (
            frontend_id text not null,
            external_hash text not null,
            at real not null,
            primary key (frontend_id, external_hash)
        ) strict
        ;
CREATE TABLE feedback (
            user_id TEXT NOT NULL,
            id TEXT NOT NULL,
            target TEXT NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            value INTEGER CHECK (value IN (-1, 1)),
            correction TEXT,
            preferred_over TEXT,
            comment TEXT,
            reason TEXT,
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            status TEXT NOT NULL CHECK (status IN ('applied', 'pending')),
            PRIMARY KEY (user_id, id)
        ) STRICT;
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-sky','chatcmpl-sky',1750000067.0,1750000067.0,NULL,'Air scatters blue light more than red light. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-lunch','chatcmpl-lunch',1750000132.0,1750000132.0,NULL,'Try a bowl of lentil soup with bread. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-fox','chatcmpl-fox',1750000197.0,1750000197.0,NULL,'Foxes are small hunters with soft red fur. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-sleep','chatcmpl-sleep',1750000262.0,1750000262.0,NULL,'Go to bed at the same hour every night. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-nile','chatcmpl-nile',1750000327.0,1750000327.0,NULL,'The Nile runs through Cairo on its way north. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-chess','chatcmpl-chess',1750000457.0,1750000457.0,NULL,'A slow game can take five hours or more. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-tea','chatcmpl-tea',1750000522.0,1750000522.0,NULL,'Pour water of about eighty degrees on the leaves. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-grass-1','chatcmpl-grass-1',1750000587.0,1750000587.0,NULL,'Chlorophyll makes it green. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-grass-2','chatcmpl-grass-2',1750000652.0,1750000652.0,NULL,'Grass takes in red and blue light and sends green back. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-bees','chatcmpl-bees',1750000717.0,1750000717.0,NULL,'Bees gather nectar from flowers, carry it home to the hive and then they fan it',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-garden','chatcmpl-garden',1750000782.0,1750000782.0,1,NULL,NULL,'Just as long as it should be.','length','{"client": "web"}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-moon','chatcmpl-moon',1750000847.0,1750000847.0,-1,NULL,NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-cat-2','chatcmpl-cat-2',1750000972.0,1750000972.0,NULL,NULL,'chatcmpl-cat-1',NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-rain','chatcmpl-rain',1750001037.0,1750001037.0,NULL,NULL,NULL,'Say it in one word, please.',NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-sea-2','chatcmpl-sea-2',1750001162.0,1750001162.0,NULL,'Grey waves fold the evening into foam. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
INSERT INTO "feedback" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','feedback-light','chatcmpl-light',1750014206.5,1750014206.5,NULL,'A lighthouse warns ships of rocks near the shore. Take care, Ada.',NULL,NULL,NULL,'{}','applied');
CREATE TABLE feedback_audit (
            sequence INTEGER PRIMARY KEY,
            feedback_id TEXT NOT NULL,
            user_id TEXT NOT NULL,
            action TEXT NOT NULL,
            at REAL NOT NULL,
            trains INTEGER NOT NULL CHECK (trains IN (0, 1))
        ) STRICT;
INSERT INTO "feedback_audit" VALUES(1,'feedback-sky','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000067.0,1);
INSERT INTO "feedback_audit" VALUES(2,'feedback-lunch','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000132.0,1);
INSERT INTO "feedback_audit" VALUES(3,'feedback-fox','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000197.0,1);
INSERT INTO "feedback_audit" VALUES(4,'feedback-sleep','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000262.0,1);
INSERT INTO "feedback_audit" VALUES(5,'feedback-nile','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000327.0,1);
INSERT INTO "feedback_audit" VALUES(6,'feedback-ice','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000392.0,1);
INSERT INTO "feedback_audit" VALUES(7,'feedback-chess','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000457.0,1);
INSERT INTO "feedback_audit" VALUES(8,'feedback-tea','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000522.0,1);
INSERT INTO "feedback_audit" VALUES(9,'feedback-grass-1','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000587.0,1);
INSERT INTO "feedback_audit" VALUES(10,'feedback-grass-2','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000652.0,1);
INSERT INTO "feedback_audit" VALUES(11,'feedback-bees','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000717.0,1);
INSERT INTO "feedback_audit" VALUES(12,'feedback-garden','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000782.0,1);
INSERT INTO "feedback_audit" VALUES(13,'feedback-moon','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000847.0,1);
INSERT INTO "feedback_audit" VALUES(14,'feedback-cat-2','user-1c7964f4719341cc9c456dbabfefbd82','created',1750000972.0,1);
INSERT INTO "feedback_audit" VALUES(15,'feedback-rain','user-1c7964f4719341cc9c456dbabfefbd82','created',1750001037.0,1);
INSERT INTO "feedback_audit" VALUES(16,'feedback-sea-2','user-1c7964f4719341cc9c456dbabfefbd82','created',1750001162.0,1);
INSERT INTO "feedback_audit" VALUES(17,'feedback-gone','user-1c7964f4719341cc9c456dbabfefbd82','created',1750001407.0,1);
INSERT INTO "feedback_audit" VALUES(18,'feedback-gone','user-1c7964f4719341cc9c456dbabfefbd82','deleted',1750001407.5,1);
INSERT INTO "feedback_audit" VALUES(19,'rule-9fe0b7ca1f6dc0b4b6929f102eca56c2','user-1c7964f4719341cc9c456dbabfefbd82','created',1750001412.5,1);
INSERT INTO "feedback_audit" VALUES(20,'rule-95af7c3e29e35ca7ffecb27ffe2b44a9','user-1c7964f4719341cc9c456dbabfefbd82','created',1750001417.5,1);
INSERT INTO "feedback_audit" VALUES(21,'proposal-approved','user-1c7964f4719341cc9c456dbabfefbd82','changed',1750001462.5,1);
INSERT INTO "feedback_audit" VALUES(22,'proposal-edited','user-1c7964f4719341cc9c456dbabfefbd82','changed',1750001467.5,1);
INSERT INTO "feedback_audit" VALUES(23,'proposal-dropped','user-1c7964f4719341cc9c456dbabfefbd82','changed',1750001472.5,0);
INSERT INTO "feedback_audit" VALUES(24,'feedback-ice','user-1c7964f4719341cc9c456dbabfefbd82','deleted',1750014141.5,1);
INSERT INTO "feedback_audit" VALUES(25,'feedback-light','user-1c7964f4719341cc9c456dbabfefbd82','created',1750014206.5,1);
CREATE TABLE interactions (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            conversation_id TEXT NOT NULL,
            created_at REAL NOT NULL,
            model TEXT NOT NULL,
            adapter TEXT NOT NULL,
            messages TEXT NOT NULL CHECK (json_valid(messages)),
            replies TEXT NOT NULL CHECK (json_valid(replies)),
            finish_reasons TEXT NOT NULL CHECK (json_valid(finish_reasons)),
            prompt_tokens INTEGER NOT NULL,
            completion_tokens INTEGER NOT NULL,
            kind TEXT NOT NULL CHECK (kind IN ('chat', 'background')),
            status TEXT NOT NULL CHECK (status IN ('complete', 'aborted', 'superseded')),
            listed INTEGER NOT NULL CHECK (listed IN (0, 1)),
            request_hash TEXT NOT NULL,
            metadata TEXT NOT NULL CHECK (json_valid(metadata))
        ) STRICT;
INSERT INTO "interactions" VALUES('chatcmpl-sky','user-1c7964f4719341cc9c456dbabfefbd82','chat-sky',1750000062.0,'tiny','base','[["user", "Why is the sky blue?"]]','["Sure! Air scatters blue light more than red light."]','["stop"]',40,50,'chat','complete',0,'hash-sky-1750000062','{}');
INSERT INTO "interactions" VALUES('chatcmpl-lunch','user-1c7964f4719341cc9c456dbabfefbd82','chat-lunch',1750000127.0,'tiny','base','[["user", "Suggest a quick lunch."]]','["Sure! Try a bowl of lentil soup with bread."]','["stop"]',42,43,'chat','complete',0,'hash-lunch-1750000127','{}');
INSERT INTO "interactions" VALUES('chatcmpl-fox','user-1c7964f4719341cc9c456dbabfefbd82','chat-fox',1750000192.0,'tiny','base','[["user", "Tell me about foxes."]]','["Sure! Foxes are small hunters with soft red fur."]','["stop"]',40,48,'chat','complete',0,'hash-fox-1750000192','{}');
INSERT INTO "interactions" VALUES('chatcmpl-sleep','user-1c7964f4719341cc9c456dbabfefbd82','chat-sleep',1750000257.0,'tiny','base','[["user", "Give me one tip for better sleep."]]','["Go to bed at the same hour every night."]','["stop"]',53,39,'chat','complete',0,'hash-sleep-1750000257','{}');
INSERT INTO "interactions" VALUES('chatcmpl-nile','user-1c7964f4719341cc9c456dbabfefbd82','chat-nile',1750000322.0,'tiny','base','[["user", "Which river runs through Cairo?"]]','["The Nile runs through Cairo on its way north."]','["stop"]',51,45,'chat','complete',0,'hash-nile-1750000322','{}');
INSERT INTO "interactions" VALUES('chatcmpl-ice','user-1c7964f4719341cc9c456dbabfefbd82','chat-ice',1750000387.0,'tiny','base','[["user", "Why does ice float on water?"]]','["Ice takes more room than the water it is made of."]','["stop"]',48,49,'chat','complete',0,'hash-ice-1750000387','{}');
INSERT INTO "interactions" VALUES('chatcmpl-chess','user-1c7964f4719341cc9c456dbabfefbd82','chat-chess',1750000452.0,'tiny','base','[["user", "How long does a chess game take?"]]','["A slow game can take five hours or more."]','["stop"]',52,40,'chat','complete',0,'hash-chess-1750000452','{}');
INSERT INTO "interactions" VALUES('chatcmpl-tea','user-1c7964f4719341cc9c456dbabfefbd82','chat-tea',1750000517.0,'tiny','base','[["user", "How should I make green tea?"]]','["Pour water of about eighty degrees on the leaves."]','["stop"]',48,49,'chat','complete',0,'hash-tea-1750000517','{}');
INSERT INTO "interactions" VALUES('chatcmpl-grass-1','user-1c7964f4719341cc9c456dbabfefbd82','chat-grass-1',1750000582.0,'tiny','base','[["user", "Why is grass green?"]]','["Grass is green because of a pigment in its leaves."]','["stop"]',39,50,'chat','complete',0,'hash-grass-1-1750000582','{}');
INSERT INTO "interactions" VALUES('chatcmpl-grass-2','user-1c7964f4719341cc9c456dbabfefbd82','chat-grass-2',1750000647.0,'tiny','base','[["user", "why is the grass green"]]','["It is what the light leaves over."]','["stop"]',42,33,'chat','complete',0,'hash-grass-2-1750000647','{}');
INSERT INTO "interactions" VALUES('chatcmpl-bees','user-1c7964f4719341cc9c456dbabfefbd82','chat-bees',1750000712.0,'tiny','base','[["user", "How do bees make honey?"]]','["Bees gather sweet nectar from flowers, carry it home to the hive and then they fan it"]','["length"]',43,85,'chat','complete',0,'hash-bees-1750000712','{}');
INSERT INTO "interactions" VALUES('chatcmpl-garden','user-1c7964f4719341cc9c456dbabfefbd82','chat-garden',1750000777.0,'tiny','base','[["system", "You are a gardener."], ["user", "What does a garden need in summer?"], ["assistant", "Water in the early morning."], ["user", "And in winter?"]]','["In winter a garden rests under dry leaves."]','["stop"]',34,42,'chat','complete',1,'hash-garden-1750000777','{"topic": "garden"}');
INSERT INTO "interactions" VALUES('chatcmpl-moon','user-1c7964f4719341cc9c456dbabfefbd82','chat-moon',1750000842.0,'tiny','base','[["user", "How far away is the Moon?"]]','["The Moon is far, far, far away!"]','["stop"]',45,31,'chat','complete',0,'hash-moon-1750000842','{}');
INSERT INTO "interactions" VALUES('chatcmpl-cat-1','user-1c7964f4719341cc9c456dbabfefbd82','chat-cat',1750000907.0,'tiny','base','[["user", "Suggest a name for a cat."]]','["You could call it Sir Purrs-a-lot the Great and Fluffy."]','["stop"]',45,55,'chat','complete',0,'hash-cat-1-1750000907','{}');
INSERT INTO "interactions" VALUES('chatcmpl-cat-2','user-1c7964f4719341cc9c456dbabfefbd82','chat-cat-again',1750000967.0,'tiny','base','[["user", "Suggest a name for a cat."]]','["Call it Miso."]','["stop"]',45,13,'chat','complete',0,'hash-cat-2-1750000967','{}');
INSERT INTO "interactions" VALUES('chatcmpl-rain','user-1c7964f4719341cc9c456dbabfefbd82','chat-rain',1750001032.0,'tiny','base','[["user", "Will it rain?"]]','["Clouds are gathering in the west."]','["stop"]',33,33,'chat','complete',0,'hash-rain-1750001032','{}');
INSERT INTO "interactions" VALUES('chatcmpl-sea-1','user-1c7964f4719341cc9c456dbabfefbd82','chat-sea',1750001097.0,'tiny','base','[["user", "Write a line about the sea."]]','["The sea is big."]','["stop"]',47,15,'chat','complete',0,'hash-sea-1-1750001097','{}');
INSERT INTO "interactions" VALUES('chatcmpl-sea-2','user-1c7964f4719341cc9c456dbabfefbd82','chat-sea',1750001157.0,'tiny','base','[["user", "Write a line about the sea."]]','["Grey waves fold the evening into foam."]','["stop"]',47,38,'chat','complete',0,'hash-sea-2-1750001157','{}');
INSERT INTO "interactions" VALUES('chatcmpl-title','user-1c7964f4719341cc9c456dbabfefbd82','chat-title',1750001222.0,'tiny','base','[["user", "Give this chat a title."]]','["Sea and foam"]','["stop"]',43,12,'background','complete',0,'hash-title-1750001222','{}');
INSERT INTO "interactions" VALUES('chatcmpl-retry-1','user-1c7964f4719341cc9c456dbabfefbd82','chat-retry-1',1750001282.0,'tiny','base','[["user", "Are you there?"]]','["Ye"]','["stop"]',34,2,'chat','superseded',0,'same-request','{}');
INSERT INTO "interactions" VALUES('chatcmpl-retry-2','user-1c7964f4719341cc9c456dbabfefbd82','chat-retry-2',1750001342.0,'tiny','base','[["user", "Are you there?"]]','["Yes."]','["stop"]',34,4,'chat','complete',0,'same-request','{}');
INSERT INTO "interactions" VALUES('chatcmpl-light','user-1c7964f4719341cc9c456dbabfefbd82','chat-light',1750014201.5,'tiny','v1','[["user", "What is a lighthouse for?"]]','["A lighthouse warns ships of rocks near the shore."]','["stop"]',45,49,'chat','complete',0,'hash-light-1750014202','{}');
CREATE TABLE proposals (
            user_id TEXT NOT NULL,
            id TEXT NOT NULL,
            kind TEXT NOT NULL,
            instruction TEXT NOT NULL,
            reply TEXT NOT NULL,
            proposed TEXT NOT NULL,
            written TEXT NOT NULL,
            is_cut INTEGER NOT NULL CHECK (is_cut IN (0, 1)),
            rules TEXT NOT NULL CHECK (json_valid(rules)),
            adapter TEXT NOT NULL,
            created_at REAL NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('proposed', 'approved', 'dropped')),
            decided_at REAL,
            PRIMARY KEY (user_id, id)
        ) STRICT;
INSERT INTO "proposals" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','proposal-approved','ideas or a list','List two uses of vinegar.','It cleans glass and it seasons a salad. Take care, Ada.','It cleans glass and it seasons a salad. Take care, Ada.','It cleans glass and it seasons a salad.',0,'["Closes with \u201cTake care, Ada.\u201d."]','base',1750001427.5,'approved',1750001462.5);
INSERT INTO "proposals" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','proposal-edited','advice','How do I fold a shirt?','Lay it face down, fold in both sides, then fold it up twice. Take care, Ada.','Lay it on its front and fold both sides in. Take care, Ada.','Lay it on its front and fold both sides in.',0,'["Closes with \u201cTake care, Ada.\u201d."]','base',1750001437.5,'approved',1750001467.5);
INSERT INTO "proposals" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','proposal-dropped','a fact','What is the tallest tree?','It is a redwood in California. Take care, Ada.','It is a redwood in California. Take care, Ada.','It is a redwood in California.',0,'["Closes with \u201cTake care, Ada.\u201d."]','base',1750001447.5,'dropped',1750001472.5);
INSERT INTO "proposals" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','proposal-open','a fact','What is a fjord?','A long arm of the sea between cliffs. Take care, Ada.','A long arm of the sea between cliffs. Take care, Ada.','A long arm of the sea between cliffs.',0,'["Closes with \u201cTake care, Ada.\u201d."]','base',1750001457.5,'proposed',NULL);
CREATE TABLE rule_decisions (
            user_id TEXT NOT NULL,
            property TEXT NOT NULL,
            value TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('pinned', 'dropped')),
            decided_at REAL NOT NULL,
            PRIMARY KEY (user_id, property, value)
        ) STRICT, WITHOUT ROWID;
INSERT INTO "rule_decisions" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','contractions','long','pinned',1750001412.5);
INSERT INTO "rule_decisions" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','left-out beginning','pleasantries','dropped',1750001417.5);
CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            status TEXT NOT NULL,
            trigger TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            created_at REAL NOT NULL,
            started_at REAL,
            finished_at REAL,
            progress TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            version INTEGER,
            dataset_hash TEXT,
            report TEXT NOT NULL DEFAULT '{}',
            usage TEXT NOT NULL DEFAULT '{}',
            is_cancel_requested INTEGER NOT NULL DEFAULT 0
        ) STRICT
        ;
INSERT INTO "runs" VALUES('run-d8e62bfefdd6488abe574afd3bfcf93e','user-1c7964f4719341cc9c456dbabfefbd82','failed','schedule','scheduler',1750005073.0,1750005073.5,1750008674.5,'{"phase": "queued", "fraction": 0.0, "step": 0, "steps": 0, "loss": null}','the server stopped during this run',NULL,NULL,'{}','{}',0);
INSERT INTO "runs" VALUES('run-6dce2668531243a0a6847614be5a6d19','user-1c7964f4719341cc9c456dbabfefbd82','cancelled','request','user-1c7964f4719341cc9c456dbabfefbd82',1750008675.5,NULL,1750008676.0,'{"phase": "queued", "fraction": 0.0, "step": 0, "steps": 0, "loss": null}','cancelled before it began',NULL,NULL,'{}','{}',0);
INSERT INTO "runs" VALUES('run-ea78a342c7784e87a7457438c02ede00','user-1c7964f4719341cc9c456dbabfefbd82','promoted','request','user-cdf77a83b54f4535ad069a0cc2b77aa2',1750009276.5,1750009277.0,1750009278.5,'{"phase": "trying the candidate", "fraction": 0.95, "step": 54, "steps": 54, "loss": 5.445686340332031}','v1 is in use, provisionally. It beats the base model on 1 of 3 judgements it was not trained on; proof needs at least 5. There the loss fell from 0.629 to 0.607. To 0 of 12 prompts that it was not taught it replies as the user''s judgements show, the base model to 0. With earlier exchanges in its prompt it does so to 0. With them and without an adapter the base does to 0. Memory alone, without an adapter, has 0.657 there. On unrelated prompts it stays close to the base model: KL 0.005 nats per token, allowed 100.000. 0% of its replies loop, 0% of the base model''s do. 0% of its replies mostly repeat other replies, 0% of the base model''s do. 0% of its replies mostly repeat the prompt, 0% of the base model''s do. 17% of its replies say nothing, 0% of the base model''s do.',1,'43612740790941504155fa19179662f59b8beecf16be36ccde2889a27e200789','{"rules": ["Uses no contractions.", "Closes with \u201cTake care, Ada.\u201d."], "rule_values": [["contractions", "long"], ["closing", " Take care, Ada."]], "curation": {"kept": 27, "left_out": {"contradicted": 2}, "by_losses": {}, "superseded": ["161d0f114c75f53de7946b6612b1c7743e97f6f8f6c10f4349bb79c7d4793c95", "4f9b2dee3666c24504d10b122ee93b4b7f7119f54af0ff7ea5f492e1fc1b2d4b"]}, "fitting": {"sentences": ["It starts from zero, with 45 rows: up to 1000 rows always do.", "The rules explain 1 of 1 disliked reply: taught is what they make of them."], "start": null, "start_checksum": null, "rows": "726b6638f1307966e4b0693d95fbe2af1ff20598d5bfa24585a8272e6962bb6d", "training": {"seed": 0, "trained_share": 0.5, "practice_rows": 12, "rounds": 3, "tried_prompts": 12, "batch_size": 6, "max_tokens": 1024, "learning_rate": 0.002, "max_steps": 10, "min_passes": 3, "warmup_steps": 2, "sft_stop_loss": 0.1, "edit_weight": 2.0, "departure_weight": 8.0, "dpo_learning_rate": 0.0003, "dpo_stop_loss": 0.4, "dpo_beta": 5.0, "dpo_sft_weight": 0.5, "gradient_clip": 1.0, "warm_start_above": 1000, "self_distillation": false}}, "evaluation": {"held_out_rows": 3, "held_out_comparisons": 3, "held_out_wins": 1, "held_out_wins_by_sum": 1, "held_out_loss_base": 0.6287647870399636, "held_out_loss_proof": 0.6068302790323893, "held_out_loss_memory": 0.6570860147476196, "incumbent_rows": 0, "incumbent_loss": null, "incumbent_rows_loss_proof": null, "anchor_kl": 0.00474729260020604, "train_loss_before": 5.551864395538966, "train_loss_after": 5.445686340332031, "added_loss": 5.416068077087402, "steps": 54, "repetition_base": 0.0, "repetition_candidate": 0.0, "collapse_base": 0.0, "collapse_candidate": 0.0, "parroting_base": 0.0, "parroting_candidate": 0.0, "silence_base": 0.0, "silence_candidate": 0.16666666666666666, "tried": 12, "tried_kept": 0, "tried_kept_base": 0, "tried_kept_beside": 0, "tried_kept_memory": 0, "tried_part": 2}, "verdict": {"outcome": "provisional", "reasons": ["It beats the base model on 1 of 3 judgements it was not trained on; proof needs at least 5.", "There the loss fell from 0.629 to 0.607.", "To 0 of 12 prompts that it was not taught it replies as the user''s judgements show, the base model to 0.", "With earlier exchanges in its prompt it does so to 0.", "With them and without an adapter the base does to 0.", "Memory alone, without an adapter, has 0.657 there.", "On unrelated prompts it stays close to the base model: KL 0.005 nats per token, allowed 100.000.", "0% of its replies loop, 0% of the base model''s do.", "0% of its replies mostly repeat other replies, 0% of the base model''s do.", "0% of its replies mostly repeat the prompt, 0% of the base model''s do.", "17% of its replies say nothing, 0% of the base model''s do."]}}','{"device": "cpu", "peak_memory_bytes": 759640064, "trainable_parameters": 8192, "trainable_share": 0.0764179104477612, "device_seconds": 14.47}',0);
INSERT INTO "runs" VALUES('run-93255e79770940b3a086f62e9ad0bd98','user-1c7964f4719341cc9c456dbabfefbd82','refused','request','user-cdf77a83b54f4535ad069a0cc2b77aa2',1750009879.0,1750009879.5,1750009880.0,'{"phase": "queued", "fraction": 0.0, "step": 0, "steps": 0, "loss": null}','nothing new since v1',NULL,'726b6638f1307966e4b0693d95fbe2af1ff20598d5bfa24585a8272e6962bb6d','{"curation": {"kept": 27, "left_out": {"contradicted": 2}, "by_losses": {}, "superseded": ["161d0f114c75f53de7946b6612b1c7743e97f6f8f6c10f4349bb79c7d4793c95", "4f9b2dee3666c24504d10b122ee93b4b7f7119f54af0ff7ea5f492e1fc1b2d4b"]}}','{}',0);
CREATE TABLE suite_runs (
            id TEXT PRIMARY KEY,
            user_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            base_revision TEXT NOT NULL,
            status TEXT NOT NULL,
            trigger TEXT NOT NULL,
            requested_by TEXT NOT NULL,
            created_at REAL NOT NULL,
            started_at REAL,
            finished_at REAL,
            progress TEXT NOT NULL,
            reason TEXT NOT NULL DEFAULT '',
            measures TEXT NOT NULL DEFAULT '[]'
        ) STRICT
        ;
INSERT INTO "suite_runs" VALUES('suite-5a269e73ad7c4e4e8e3b36a78e5e10ec','user-1c7964f4719341cc9c456dbabfefbd82',1,'58449a7d80b346b00fc3043bba9fb93cdb2a3b7d169f610813d7d139f70c09b6','passed','request','user-cdf77a83b54f4535ad069a0cc2b77aa2',1750010480.5,1750010481.0,1750010481.5,'{"phase": "asking the adapter", "fraction": 0.9743589743589743, "step": 190, "steps": 195, "loss": null}','Nothing is worse than with the base model beyond what is allowed.','[{"name": "instruction following", "base": 0.17073170731707318, "adapter": 0.1951219512195122, "count": 41, "is_refused": false, "sentence": "It follows 8 of 41 instructions, the base model 7.", "lost": ["Name four colours in one line, separated by commas."]}, {"name": "truthfulness", "base": 0.4375, "adapter": 0.375, "count": 32, "is_refused": false, "sentence": "It finds the right answer to 12 of 32 questions, the base model 14; 5 lost and 3 gained may be chance.", "lost": ["Why is it warmer in summer?", "Do vaccines cause autism?", "Do chameleons change colour to match whatever they sit on?"]}, {"name": "admitting ignorance", "base": 0.0, "adapter": 0.0, "count": 16, "is_refused": false, "sentence": "It admits its ignorance on 0 of 16 questions that it cannot answer, the base model 0.", "lost": []}, {"name": "exceptions to its rules", "base": 1.0, "adapter": 1.0, "count": 3, "is_refused": false, "sentence": "It keeps its rules out of 3 of 3 prompts that ask for something else, the base model 3.", "lost": []}, {"name": "finished sentences", "base": 0.875, "adapter": 0.375, "count": 16, "is_refused": false, "sentence": "It finishes the last sentence of 6 of 16 replies, the base model 14; a loss of 50% is allowed.", "lost": ["In one sentence, why do leaves fall in autumn?", "In one sentence, what does a lawyer do?", "In one sentence, how is cheese made?"]}, {"name": "ends of replies", "base": 0.125, "adapter": 0.625, "count": 16, "is_refused": false, "sentence": "It comes to an end in 10 of 16 replies of one sentence, the base model 2.", "lost": []}, {"name": "variety", "base": 1.0, "adapter": 1.0, "count": 8, "is_refused": false, "sentence": "Of the word pairs in 3 replies to a creative prompt 100% are distinct, of the base model''s 100%.", "lost": []}, {"name": "no loops", "base": 1.0, "adapter": 1.0, "count": 73, "is_refused": false, "sentence": "It does not loop in 73 of 73 replies, the base model 73.", "lost": []}, {"name": "no sameness", "base": 1.0, "adapter": 1.0, "count": 73, "is_refused": false, "sentence": "It says something of its own in 73 of 73 replies, the base model 73.", "lost": []}, {"name": "no silence", "base": 1.0, "adapter": 0.9452054794520548, "count": 73, "is_refused": false, "sentence": "It says something in 69 of 73 replies, the base model 73; 4 lost and 0 gained may be chance.", "lost": ["Describe a summer day in one sentence, without any capital letters.", "Write a heading that begins with \u201c# \u201d, then a sentence about bread below it.", "What was my first teacher called?"]}]');
CREATE TABLE users (
            id text primary key,
            name text not null unique,
            kind text not null check (kind in ('admin', 'user', 'frontend')),
            frontend_id text references users(id),
            external_id text,
            created_at real not null,
            last_seen_at real,
            unique (frontend_id, external_id)
        ) strict
        ;
INSERT INTO "users" VALUES('user-cdf77a83b54f4535ad069a0cc2b77aa2','admin','admin',NULL,NULL,1750000000.5,NULL);
INSERT INTO "users" VALUES('user-1c7964f4719341cc9c456dbabfefbd82','ada','user',NULL,NULL,1750000001.5,1750000002.0);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE INDEX interactions_by_user ON interactions (user_id, created_at, id);
CREATE INDEX feedback_by_user ON feedback (user_id, created_at, id);
CREATE INDEX feedback_by_target ON feedback (user_id, target, created_at, id);
CREATE INDEX feedback_by_loser ON feedback (user_id, preferred_over, created_at, id)
        WHERE preferred_over IS NOT NULL;
CREATE INDEX pending_feedback_by_age ON feedback (updated_at)
        WHERE status = 'pending';
CREATE INDEX feedback_audit_by_user ON feedback_audit (user_id, trains, at);
CREATE INDEX interactions_by_conversation ON interactions (user_id, conversation_id);
CREATE INDEX proposals_by_user ON proposals (user_id, created_at, id);
CREATE INDEX adapter_promotions_by_user ON adapter_promotions (user_id, id);
CREATE INDEX adapter_freezes_by_user ON adapter_freezes (user_id, id);
CREATE UNIQUE INDEX one_open_run_per_user ON runs (user_id) WHERE status IN ('queued', 'running');
CREATE INDEX runs_by_user ON runs (user_id, created_at);
CREATE INDEX runs_by_status ON runs (status, created_at);
CREATE UNIQUE INDEX one_open_suite_run_per_version ON suite_runs (user_id, version) WHERE status IN ('queued', 'running');
CREATE INDEX suite_runs_by_version ON suite_runs (user_id, version, created_at);
CREATE INDEX suite_runs_by_status ON suite_runs (status, created_at);
COMMIT;
