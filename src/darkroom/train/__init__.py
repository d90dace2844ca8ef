"""The train stage: networks, batches, augmentation and an exactly repeatable fit."""
